// Airflow shows a page in an iframe of its own origin. Its sandbox keeps every link inside, and the browser does not
// tell the iframe which colours somebody has chosen in Airflow. Alone in a window, a page needs none of this.

const around = airflow()

function airflow() {
  try {
    return window.parent === window ? null : window.parent.document
  } catch {
    return null // framed by somebody else
  }
}

function dress() {
  const root = around?.documentElement
  const chosen = root && ['dark', 'light'].find((scheme) => root.classList.contains(scheme))
  if (chosen) document.documentElement.dataset.scheme = chosen
}

// Links that lead into Airflow's own pages are followed in the window that Airflow is in. Those to other pages of ours
// stay here, and so does what somebody opens in a tab of their own, which a browser does by itself.
function leave(event) {
  const link = event.target.closest?.('a[data-airflow]')
  if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return
  event.preventDefault()
  const door = around.createElement('a')
  door.href = link.href
  around.body.append(door)
  door.click()
  door.remove()
}

if (around) {
  document.documentElement.dataset.framed = ''
  dress()
  new MutationObserver(dress).observe(around.documentElement, { attributes: true, attributeFilter: ['class'] })
  document.addEventListener('click', leave)
}
