// Folders that cannot be made or used: whoever asks for one is told at once which and why.

import { spawnSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { FileDisk } from '../../src/store/file-disk.ts'
import { makeDirectory } from '../../src/store/store-directory.ts'
import { CLI } from '../command.ts'
import { mounted, skip } from './mounts.ts'

/** A place with a file, a circle and a loose end in it. */
function strangePlace(directory: string): string {
  writeFileSync(join(directory, 'file'), 'x')
  symlinkSync(join(directory, 'circle'), join(directory, 'circle'))
  symlinkSync(join(directory, 'nowhere'), join(directory, 'loose'))
  return directory
}

const FOLDERS: readonly { readonly at: (place: string) => string; readonly cause: RegExp }[] = [
  { at: () => '/proc/x', cause: /cannot be made here \(.*takes none/ },
  { at: () => '/proc/x/y/z', cause: /cannot be made here \(.*takes none/ },
  { at: () => '/proc', cause: /cannot be written to here \(/ },
  { at: () => '/proc/self/x', cause: /cannot be made here \(/ },
  { at: () => '/sys/x', cause: /cannot be made here \(/ },
  { at: () => '/dev/null', cause: /\/dev\/null is in the way/ },
  { at: () => '/dev/null/x/y', cause: /cannot be made here \(something on the way/ },
  { at: place => join(place, 'file'), cause: /file is in the way, which is no directory/ },
  { at: place => join(place, 'file/x'), cause: /something on the way to it is no directory/ },
  { at: place => join(place, 'circle'), cause: /lead in a circle/ },
  { at: place => join(place, 'circle/x'), cause: /lead in a circle/ },
  { at: place => join(place, 'loose'), cause: /loose is a symbolic link that leads nowhere/ },
  { at: place => join(place, 'loose/x'), cause: /loose is a symbolic link that leads nowhere/ },
  { at: place => join(place, 'n'.repeat(300)), cause: /is too long/ },
  { at: place => `${place}${'/n'.repeat(2_500)}`, cause: /is too long/ },
  { at: place => `${place}/a\0b`, cause: /cannot be made here \(.*null bytes/ },
]

test('a folder that cannot be made or used ends the start with a sentence that names it and the cause', async t => {
  const place = strangePlace(t.testdir())
  for (const { at, cause } of FOLDERS) {
    const directory = at(place)
    t.throws(() => new FileDisk(directory), { message: cause }, directory.slice(0, 100))
    t.throws(() => new FileDisk(directory), {
      message: / cannot be \w+(?: to)? here \(/,
      code: /./,
    })
  }
})

test('every command that takes such a folder ends at once', async t => {
  const place = strangePlace(t.testdir())
  const backup = join(place, 'backup')
  new FileDisk(backup).close()
  writeFileSync(join(backup, 'segment-00000001.log'), '')
  for (const directory of ['/proc/x', join(place, 'circle')]) {
    const commands = [
      ['start', '--port', '0'],
      ['store', 'verify'],
      ['store', 'stats'],
      ['store', 'repair'],
      ['store', 'backup', join(place, 'copy')],
      ['store', 'restore', backup],
    ]
    for (const words of commands) {
      const options = { cwd: place, timeout: 20_000, encoding: 'utf8' } as const
      const ended = spawnSync(process.execPath, [CLI, ...words, '--data', directory], options)
      t.equal(ended.status, 1, `${words.join(' ')} ${directory}`)
      t.equal(ended.stderr.trim().split('\n').length, 1, ended.stderr)
      t.match(ended.stderr, directory)
    }
    const words = ['store', 'backup', directory, '--data', backup]
    const ended = spawnSync(process.execPath, [CLI, ...words], { timeout: 20_000 })
    t.equal(ended.status, 1, `store backup ${directory}`)
  }
})

test('a folder on a file system that is read-only is named so', { skip }, async t => {
  const directory = mounted(t, 'ro')

  t.throws(() => new FileDisk(directory), {
    message: /written to here \(its file system is read-only/,
  })
  t.throws(() => new FileDisk(join(directory, 'x')), {
    message: /made here \(its file system is read-only/,
  })
})

test('folders are made as deep as need be, also where some are there', async t => {
  const place = t.testdir()
  mkdirSync(join(place, 'a/b'), { recursive: true })
  symlinkSync(join(place, 'a'), join(place, 'link'))

  makeDirectory(join(place, 'link/b/c/d'))
  makeDirectory(join(place, 'link/b/c/d'))

  new FileDisk(join(place, 'a/b/c/d')).close()
  t.pass()
})
