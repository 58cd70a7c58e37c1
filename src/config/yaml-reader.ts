/**
 * What we use of the `yaml` package, in a module of its own: it is CommonJS, and only a static import of its names
 * survives bundling. Loaded on demand by document.ts.
 */
export { isAlias, isMap, isNode, isScalar, LineCounter, parseDocument } from 'yaml';
