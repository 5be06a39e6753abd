import { describeRowLengths } from './support/row-length-suite.js';

describeRowLengths('baseline');
