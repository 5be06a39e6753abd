import { describeRandomBatches } from './support/random-suite.js';

describeRandomBatches('avx2');
