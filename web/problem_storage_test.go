package web

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/swarmstake/swarmstake/store"
)

// A disk that is full or fails is no fault of the request: it can be repeated.
func TestStorageProblem(t *testing.T) {
	s := &site{Config: Config{Log: slog.New(slog.DiscardHandler)}}
	r := httptest.NewRequest("POST", "/api/v1/stake", nil)
	for _, err := range []error{store.ErrStorage, fmt.Errorf("flush before staking: %w", fmt.Errorf("%w: disk is full", store.ErrStorage))} {
		if p := s.asProblem(r, err); p.Status != 503 || p.Code != "storage" {
			t.Errorf("%v: %+v", err, p)
		}
	}
}

// A client that goes away ends what it asked for: no error of ours, and none that an operator should read.
func TestClientWentAway(t *testing.T) {
	var log bytes.Buffer
	s := &site{Config: Config{Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelInfo}))}}
	r := httptest.NewRequest("POST", "/api/v1/node/report", nil)
	here := s.asProblem(r, context.Canceled)
	if here.Status != 500 || !strings.Contains(log.String(), "level=ERROR") {
		t.Errorf("a client is there: %+v, log %q", here, log.String())
	}
	log.Reset()
	gone, cancel := context.WithCancel(r.Context())
	cancel()
	if s.asProblem(r.WithContext(gone), context.Canceled); log.Len() > 0 {
		t.Errorf("a client went away: %s", log.String())
	}
}
