import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'tap'
import { cpuSeconds, peakRssBytes, processTree, rssBytes } from '../../bench/process-tree.ts'

test('a process tree has the children of children', async t => {
  const child = spawn('sh', ['-c', 'sleep 30 & echo $!; wait'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const grandchild = Number(line.toString())
  t.teardown(() => {
    process.kill(grandchild)
    child.kill()
  })

  const tree = processTree(process.pid)

  t.ok(tree.includes(process.pid))
  t.ok(tree.includes(child.pid ?? -1))
  t.ok(tree.includes(grandchild))
})

test('time and memory of a process are those of the system', async t => {
  const tree = [process.pid]
  const { user, system } = process.cpuUsage()

  // Counted in hundredths of a second.
  t.ok(Math.abs(cpuSeconds(tree) - (user + system) / 1_000_000) < 0.1)
  const resident = rssBytes(tree)
  t.ok(Math.abs(resident / process.memoryUsage.rss() - 1) < 0.2)
  // The kernel counts pages in batches, so the two may differ by a little.
  t.ok(peakRssBytes(tree) > resident * 0.95)
})

test('a process that is gone has used nothing', async t => {
  t.equal(cpuSeconds([2 ** 22 + 1]), 0)
})
