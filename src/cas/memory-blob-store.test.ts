import { blobStoreContract } from './blob-store.contract.ts';
import { openMemoryBlobStore } from './memory-blob-store.ts';

blobStoreContract('memory', openMemoryBlobStore);
