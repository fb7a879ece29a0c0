package web_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/availability"
	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/web"
)

// deadlines notes how long a connection may last.
type deadlines struct {
	*httptest.ResponseRecorder
	read, write time.Time
}

func (d *deadlines) SetReadDeadline(t time.Time) error  { d.read = t; return nil }
func (d *deadlines) SetWriteDeadline(t time.Time) error { d.write = t; return nil }

// site is the world's site again, with another store and challenge time.
func (w *world) site(s web.Store, challengeTime time.Duration) http.Handler {
	w.Helper()
	p := availability.DefaultParams()
	p.ChallengeTime = challengeTime
	h, err := web.New(web.Config{BaseURL: w.url, Dev: true, Now: w.now, Rules: func() web.Rules { return web.Rules{Availability: p} }},
		web.Deps{Store: s, Live: &fakeLive{}, Roster: &w.roster, Keys: fakeKeys{}, Hosting: &w.hosting, Records: fakeRecords{}})
	if err != nil {
		w.Fatal(err)
	}
	return h
}

// TestAnswersHoldConnectionsNoLongerThanChallengesLast: a node that sends its answer byte by byte keeps a
// connection for as long as it has time to answer.
func TestAnswersHoldConnectionsNoLongerThanChallengesLast(t *testing.T) {
	w, right := challenged(t)
	r := httptest.NewRequest("POST", "/api/v1/node/challenges/5", bytes.NewReader(right))
	r.Header.Set("Authorization", "Bearer "+w.signed("slow", right).token)
	conn := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	w.site(w.store, 40*time.Second).ServeHTTP(conn, r)
	if conn.Code != 200 {
		t.Fatalf("%d %s", conn.Code, conn.Body)
	}
	read, write := time.Until(conn.read), time.Until(conn.write)
	if read <= 0 || read > 4*40*time.Second || write <= read || write > 4*40*time.Second+time.Minute {
		t.Errorf("it may be read for %s and written for %s", read, write)
	}
}

// leaving is a store whose map takes as long as its context lasts, or until it is made.
type leaving struct {
	*store.Store
	began, made chan struct{}
	stopped     error
}

func (l *leaving) Coverage(ctx context.Context, p availability.Params) (store.Coverage, error) {
	close(l.began)
	select {
	case <-ctx.Done():
		l.stopped = ctx.Err()
	case <-l.made:
	}
	return store.Coverage{AtMs: 7}, l.stopped
}

// TestTheMapIsMadeForWhoeverComesNext: who asks and goes away does not have it begun in vain.
func TestTheMapIsMadeForWhoeverComesNext(t *testing.T) {
	w := newWorld(t)
	l := &leaving{Store: w.store, began: make(chan struct{}), made: make(chan struct{})}
	h := w.site(l, time.Second)
	ctx, gone := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/api/v1/availability", nil).WithContext(ctx))
	}()
	<-l.began
	gone()
	close(l.made)
	<-done
	next := httptest.NewRecorder()
	h.ServeHTTP(next, httptest.NewRequest("GET", "/api/v1/availability", nil)) // a second Coverage would panic
	if next.Code != 200 || l.stopped != nil {
		t.Errorf("%d %s, %v", next.Code, next.Body, l.stopped)
	}
}
