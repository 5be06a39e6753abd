import { describeRandomBatches } from './support/random-suite.js';

describeRandomBatches('avx512');
