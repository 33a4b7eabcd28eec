// The dashboard: a page that reads and changes the broker by /api/v1 alone.

import { render } from 'preact'
import './style/tokens.css'
import './style/frame.css'
import './style/parts.css'
import { Frame } from './app/frame.tsx'
import { enter } from './app/session.ts'

void enter()
const place = document.getElementById('app')
if (place !== null) render(<Frame />, place)
