package web

import "net/http"

// healthAnswer is all that /healthz and /readyz tell everybody; the reasons are on the metrics listener.
type healthAnswer struct {
	Status string `json:"status"`
}

// health says that the process answers. It looks at no disk: who restarts a process that hangs must not
// restart one whose disk is slow.
func (s *site) health(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	answer(w, http.StatusOK, healthAnswer{"ok"})
}

// readiness says whether all of the server works, for who sends requests only to one that does.
func (s *site) readiness(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if s.Ready != nil && !s.Ready() {
		w.Header().Set("Retry-After", readyAgain)
		answer(w, http.StatusServiceUnavailable, healthAnswer{"not ready"})
		return
	}
	answer(w, http.StatusOK, healthAnswer{"ready"})
}

// readyAgain is after how many seconds it is worth asking again.
const readyAgain = "30"

// loggedRoute is what the log says of where a request went: the pattern, for paths may hold keys of feeds
// and one-use links.
func loggedRoute(r *http.Request) string {
	if _, pattern := routeOf(r); pattern != "" {
		return pattern
	}
	return "none"
}
