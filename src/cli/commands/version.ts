import { EXIT } from '../exit-codes.ts';
import { BUILD_ID, VERSION } from '../installation.ts';
import { printJson, printOut } from '../output.ts';

/** `hgbuild version` */
export function version(json: boolean): number {
  if (json) printJson({ version: VERSION, build: BUILD_ID, node: process.versions.node });
  else printOut(`hgbuild ${VERSION} (build ${BUILD_ID}, Node ${process.versions.node})`);
  return EXIT.ok;
}
