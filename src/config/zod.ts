// The library that checks the configuration, read one file after another. As ES modules its files are all opened at
// once, which ends a process that may open few with EMFILE before the first line of its log.

import { createRequire } from 'node:module'
import type * as zod from 'zod'

export const z: typeof zod.z = (createRequire(import.meta.url)('zod') as typeof zod).z
