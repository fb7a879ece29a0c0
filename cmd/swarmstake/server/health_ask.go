package server

import (
	"context"
	"encoding/json"
	"path/filepath"
)

// ErrNoServer says that no server answers in the data folder.
var ErrNoServer = errNoServer

// serveHealth answers AskReadiness.
func (a *adminServer) serveHealth(ready func() Readiness) {
	command(a, "/readiness", func(context.Context, struct{}) (Readiness, error) { return ready(), nil })
}

// AskReadiness asks the server that works in a data folder how it is. ErrNoServer: there is none.
func AskReadiness(ctx context.Context, dir string) (r Readiness, err error) {
	answer, err := overSocket(ctx, filepath.Join(dir, socketName), "/readiness", struct{}{})
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(answer, &r)
}

// CheckJournal says whether the meter's journal in a data folder goes with its database, the last batch
// of which is given.
func CheckJournal(dir string, flush int64) error { return checkFlushMark(dir, flush) }
