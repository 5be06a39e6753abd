import { describeVocabularyResidues } from './support/residue-suite.js';

describeVocabularyResidues('avx2');
