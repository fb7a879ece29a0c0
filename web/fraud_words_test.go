package web

import (
	"testing"

	"github.com/swarmstake/swarmstake/store"
)

// Nobody should have to guess what a flag means.
func TestEveryFlagHasWords(t *testing.T) {
	known := flagKinds()
	for _, kind := range store.FlagKinds() {
		if w := known[kind]; w.Title == "" || w.Says == "" {
			t.Errorf("there are no words for %q", kind)
		}
	}
	if len(known) != len(store.FlagKinds()) {
		t.Errorf("words for %d kinds, there are %d", len(known), len(store.FlagKinds()))
	}
}
