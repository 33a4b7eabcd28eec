// The command as the package has it: bundled into a few files.

import { fileURLToPath } from 'node:url'

export const CLI: string = fileURLToPath(new URL('../bundle/command/pondhawk.js', import.meta.url))
