import { describeGoldenVectors } from './support/golden-suite.js';

describeGoldenVectors('avx2');
