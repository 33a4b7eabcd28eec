// Builds the documentation into dist/docs: a page for each file in Markdown, and an index for the search. All is compressed, as
// browsers take it; manifest.json has the names.

import { defineConfig } from 'vite'
import { documentation } from './build/plugin.ts'

export default defineConfig({
  base: './',
  logLevel: 'warn',
  plugins: [documentation()],
  build: {
    outDir: '../../dist/docs',
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: {
      input: 'page.ts',
      checks: { pluginTimings: false },
      output: {
        entryFileNames: 'assets/[name]-[hash].js',
        assetFileNames: 'assets/[name]-[hash][extname]',
      },
    },
  },
})
