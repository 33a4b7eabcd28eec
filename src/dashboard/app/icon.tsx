export function Icon() {
  return (
    <svg viewBox="0 0 32 32" aria-hidden="true">
      <path d="M14 4h4v26h-4zm0 8C10 6 3 5 1 8s5 7 13 6zm4 0c5-6 11-7 13-4s-5 7-13 6zm-4 4C8 15 3 18 4 21s7 1 10-3zm4 0c6-1 11 2 10 5s-7 1-10-3z" />
    </svg>
  )
}
