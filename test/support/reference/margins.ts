/**
 * Remembers how close each kind of discrete decision came to its boundary, so that a batch generator can
 * refuse batches in which float32 arithmetic could decide otherwise.
 */
export class Margins {
  readonly nearest: Record<string, number> = {};
  /** Decisions that met an exact tie and have a rule for it. */
  readonly ties = new Set<string>();

  note(decision: string, distance: number): void {
    const size = Math.abs(distance);
    if (Number.isNaN(size)) return;
    const nearest = this.nearest[decision] ?? Number.POSITIVE_INFINITY;
    if (size < nearest) this.nearest[decision] = size;
  }

  /** For comparisons of values that are equal in every arithmetic if they are equal here, such as repeated rows. */
  noteUnlessTied(decision: string, distance: number): void {
    if (distance === 0) this.ties.add(decision);
    else this.note(decision, distance);
  }

  smallest(): number {
    return Math.min(Number.POSITIVE_INFINITY, ...Object.values(this.nearest));
  }
}
