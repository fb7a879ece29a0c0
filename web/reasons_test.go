package web

import (
	"testing"

	"github.com/swarmstake/swarmstake/tokens"
)

// TestEveryCodeHasWords: nobody should have to read a transfer's code to know why money moved.
func TestEveryCodeHasWords(t *testing.T) {
	known := reasons()
	for _, c := range tokens.Codes() {
		if known[c] == "" {
			t.Errorf("there are no words for the code %q", c)
		}
	}
	if len(known) != len(tokens.Codes()) {
		t.Errorf("words for %d codes, there are %d", len(known), len(tokens.Codes()))
	}
	if got := reasonOf("of-another-version"); got != "of-another-version" {
		t.Errorf("an unknown code is shown as %q", got)
	}
}
