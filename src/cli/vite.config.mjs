// Bundles the command into a few files: it is ready in half of the time that hundreds of small ones take to read.
// A program that embeds the broker imports the unbundled modules.

import { chmodSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import { defineConfig } from 'vite'

const COMPILED = resolve(import.meta.dirname, '../../dist/src')

/** Modules that read a library when they run, one file after another. In a bundle the library is there already. */
const BUNDLED_LIBRARIES = {
  'config/zod.js': `export { z } from 'zod'`,
  'api/hono.js': `import { Hono } from 'hono'
import { getRequestListener } from '@hono/node-server'
export const loadFramework = () => ({ Hono, getRequestListener })`,
}

const bundledLibraries = {
  name: 'bundled-libraries',
  load: id => BUNDLED_LIBRARIES[relative(COMPILED, id)],
}

/** `npx pondhawk` in a clone runs the file itself: npm makes it executable once only, and a build replaces it. */
const executable = {
  name: 'executable',
  writeBundle: ({ dir }) => chmodSync(resolve(dir, 'pondhawk.js'), 0o755),
}

export default defineConfig({
  root: COMPILED,
  logLevel: 'warn',
  plugins: [bundledLibraries, executable],
  ssr: { noExternal: true },
  build: {
    ssr: true,
    // As deep as the modules of dist/src: addresses relative to a module stay right.
    outDir: resolve(COMPILED, '../bundle/command'),
    emptyOutDir: true,
    target: 'node20',
    minify: false,
    license: { fileName: 'licenses.md' },
    rollupOptions: {
      input: {
        pondhawk: `${COMPILED}/cli.js`,
        'front-end-process': `${COMPILED}/front-end/front-end-process.js`,
        'store-thread': `${COMPILED}/store/store-thread.js`,
        'hash-thread': `${COMPILED}/access/password/hash-thread.js`,
        'backup-thread': `${COMPILED}/store/maintenance/backup-thread.js`,
      },
      output: { entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js' },
    },
  },
})
