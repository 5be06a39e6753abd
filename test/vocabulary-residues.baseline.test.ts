import { describeVocabularyResidues } from './support/residue-suite.js';

describeVocabularyResidues('baseline');
