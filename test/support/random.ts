/** A small seeded generator (xorshift with 128 bits of state), so that every drawn batch can be drawn again. */
export class Random {
  #state: [number, number, number, number];

  constructor(...seeds: readonly number[]) {
    let mixed = 0x9e3779b9;
    for (const seed of seeds) mixed = Math.imul(mixed ^ seed, 0x85ebca6b) ^ (mixed >>> 13);
    this.#state = [mixed | 1, Math.imul(mixed, 0xc2b2ae35), mixed ^ 0x27d4eb2f, 0x165667b1];
    for (let i = 0; i < 16; i++) this.next();
  }

  /** Uniform in [0, 1). */
  next(): number {
    const [x, y, z, w] = this.#state;
    const mixed = x ^ (x << 11);
    const last = w ^ (w >>> 19) ^ mixed ^ (mixed >>> 8);
    this.#state = [y, z, w, last];
    return (last >>> 0) / 2 ** 32;
  }

  uniform(low: number, high: number): number {
    return low + (high - low) * this.next();
  }

  /** Uniform among the integers `low..high`, both included. */
  integer(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next());
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<Choice>(choices: readonly Choice[]): Choice {
    return choices[this.integer(0, choices.length - 1)] as Choice;
  }
}
