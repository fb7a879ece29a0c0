package settle_test

import (
	"math"
	"testing"

	"github.com/swarmstake/swarmstake/tokens/settle"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// TestAnyFiguresAreSettled: members name as much as the meter lets them. That keeps nobody from being
// settled: no rule fails or panics, and a small claim beside them stays what it is.
func TestAnyFiguresAreSettled(t *testing.T) {
	const huge = bt.Bytes(1 << 60)
	var downloads []settle.Download
	var claims []settle.Claim
	var open []settle.OpenClaim
	for m := 1; m <= 40; m++ {
		d := download(m, huge, 1)
		d.FreeBytes = huge
		downloads = append(downloads, d)
		claims = append(claims, claim(200+m, math.MaxInt64))
		open = append(open, openClaim(200+m, math.MaxInt64))
	}
	claims, open = append(claims, claim(150, 1000)), append(open, openClaim(150, 1000))
	rows, err := settle.Honesty(honesty(downloads, claims...))
	if err != nil {
		t.Errorf("honesty: %v", err)
	}
	for _, r := range rows {
		if r.Claimed < 0 || r.Excess < 0 || r.Excess > r.Claimed || r.Member == 150 && r.Claimed > 1000 {
			t.Errorf("honesty: %+v", r)
		}
	}
	in := settle.UnexplainedInput{Params: exact(), Claims: open, Suspects: []settle.Suspect{suspect(1, 1<<50)}, Introduced: always, Related: never}
	if _, err := settle.Unexplained(in); err != nil {
		t.Errorf("unexplained: %v", err)
	}
	if _, err := settle.Corroborate(evidence(downloads, claims, hidden(99, 6000))); err != nil {
		t.Errorf("corroborate: %v", err)
	}
	if _, err := settle.Torrent(input(downloads, claims)); err != nil {
		t.Errorf("torrent: %v", err)
	}
}
