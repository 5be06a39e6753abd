import type { Filter, ResolvedOptions } from '../options/option-types.js';
import { lossName } from '../options/resolve.js';
import { type Fields, seal } from '../tensors/own-fields.js';
import {
  FILTER_EMPTY_ORDER,
  FILTER_ON_ORDER,
  FILTER_ORDER,
  LOSS_OPTION_ORDER,
  NUMBER_OPTIONS,
  OBJECTIVE_ORDER,
  PROXY_ORDER,
  ROW_OPTION_ORDER,
  WORD_OPTIONS,
} from './names.js';

/** What is computed of one row. */
export interface RowOptions {
  readonly temperature: number;
  readonly softcap?: number | undefined;
  readonly filter?: Filter | undefined;
  readonly proxy?: (typeof PROXY_ORDER)[number] | undefined;
}

/** `lpreg_row_options`, one number per field. */
export function rowOptionsArgument(options: RowOptions): Float64Array {
  return inOrder(ROW_OPTION_ORDER, rowNumbers(options));
}

function rowNumbers({ temperature, softcap, filter, proxy }: RowOptions): Record<string, number> {
  return {
    temperature,
    softcap: softcap ?? 0,
    proxy: PROXY_ORDER.indexOf(proxy ?? 'none'),
    filter_kind: FILTER_ORDER.indexOf(filter?.kind ?? 'none'),
    filter_value: filter === undefined ? 0 : filter.kind === 'min-p' ? filter.kappa : filter.tau,
    filter_on: FILTER_ON_ORDER.indexOf(filter?.on ?? 'scaled'),
    filter_empty: FILTER_EMPTY_ORDER.indexOf(
      filter?.kind === 'fixed' ? (filter.empty ?? 'argmax') : 'argmax',
    ),
  };
}

/** `lpreg_loss_options`, one number per field; what the objective does not use stays 0. */
export function lossOptionsArgument(options: ResolvedOptions): Float64Array {
  const values = seal(options);
  const argument: Record<string, unknown> = {
    objective: OBJECTIVE_ORDER.indexOf(lossName(options)),
    check_first: Number(options.checkFirst),
  };
  for (const [ours, field] of Object.entries(NUMBER_OPTIONS)) argument[field] = values[ours];
  for (const [ours, { field, words }] of Object.entries(WORD_OPTIONS)) {
    if (values[ours] !== undefined) argument[field] = (words as readonly unknown[]).indexOf(values[ours]);
  }
  if (options.klRefCoef === 0) argument[WORD_OPTIONS.klRefEstimator.field] = 0;
  if (options.objective === 'gspo') {
    argument[WORD_OPTIONS.aggregation.field] = WORD_OPTIONS.aggregation.words.indexOf('seq-mean-token-mean');
  }
  return inOrder([...ROW_OPTION_ORDER, ...LOSS_OPTION_ORDER], {
    ...argument,
    ...rowNumbers(values as Fields & RowOptions),
  });
}

function inOrder(order: readonly string[], numbers: Record<string, unknown>): Float64Array {
  const sealed = seal(numbers);
  const values = new Float64Array(order.length);
  order.forEach((name, i) => {
    values[i] = (sealed[name] as number | undefined) ?? 0;
  });
  return values;
}
