// Builds the dashboard into dist/dashboard: files with hashed names that the HTTP listener serves.

import { defineConfig } from 'vite'

export default defineConfig({
  // Relative addresses, so that the page works below any path of a proxy.
  base: './',
  logLevel: 'warn',
  build: {
    outDir: '../../dist/dashboard',
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // The licenses of preact and uPlot ask to be named with every copy.
    license: { fileName: 'licenses.md' },
  },
})
