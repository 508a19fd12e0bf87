import { defineConfig } from 'vitest/config'

export default defineConfig({
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    target: 'es2022',
    assetsInlineLimit: 0, // the content security policy allows no inline script or style
    modulePreload: { polyfill: false },
    emptyOutDir: false, // dist/placeholder is committed
  },
  server: { proxy: { '/api': 'http://127.0.0.1:7443' } },
  test: { include: ['src/**/*.test.ts'] },
})
