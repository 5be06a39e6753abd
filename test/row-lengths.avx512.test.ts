import { describeRowLengths } from './support/row-length-suite.js';

describeRowLengths('avx512');
