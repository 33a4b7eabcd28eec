// The screens, each in a file of its own that is loaded when it is opened first.

import type { FunctionComponent } from 'preact'

export interface ScreenProps {
  readonly query: URLSearchParams
}

type Load = () => Promise<{ readonly default: FunctionComponent<ScreenProps> }>

interface Screen {
  readonly title: string
  /** The key after `g`; null for a screen that is reached from others. */
  readonly key: string | null
  /** The screen whose place in the menu is marked; null for its own. */
  readonly within: string | null
  readonly load: Load
}

// Default exports, because only one component of a file is loaded.
export const SCREENS: ReadonlyMap<string, Screen> = new Map([
  ['', screen('Overview', 'o', () => import('../screens/overview.tsx'))],
  ['clients', screen('Clients', 'c', () => import('../screens/clients.tsx'))],
  ['topics', screen('Topics', 't', () => import('../screens/topics.tsx'))],
  ['messages', screen('Messages', 'p', () => import('../screens/messages.tsx'))],
  ['queues', screen('Queues', 'q', () => import('../screens/queues.tsx'))],
  ['explain', screen('Explain', 'e', () => import('../screens/explain.tsx'))],
  ['access', screen('Access', 'a', () => import('../screens/access.tsx'))],
  ['log', screen('Log', 'l', () => import('../screens/log.tsx'))],
  ['settings', screen('Settings', 's', () => import('../screens/settings.tsx'))],
  ['topic', below('Topic', 'topics', () => import('../screens/topic.tsx'))],
  ['trace', below('Trace', 'explain', () => import('../screens/trace.tsx'))],
  ['client', below('Client', 'clients', () => import('../screens/client.tsx'))],
])

function screen(title: string, key: string, load: Load): Screen {
  return { title, key, within: null, load }
}

/** A screen that is not in the menu. */
function below(title: string, within: string, load: Load): Screen {
  return { title, key: null, within, load }
}
