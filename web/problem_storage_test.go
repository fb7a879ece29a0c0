package web

import (
	"fmt"
	"log/slog"
	"net/http/httptest"
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
