import { cacheLayout } from '../../cas/layout.ts';
import { foldStatistics } from '../fold-statistics.ts';

/** A process that folds statistics and dies at a given step: `node folder.ts ROOT STEP`. */
const [root = '', fatal = ''] = process.argv.slice(2);
let step = 0;
foldStatistics(cacheLayout(root), Date.now, () => {
  step += 1;
  if (step === Number(fatal)) process.kill(process.pid, 'SIGKILL');
});
