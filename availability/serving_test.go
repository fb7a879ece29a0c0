package availability

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestServing(t *testing.T) {
	p := DefaultParams()
	// Attempts of the epochs from 10 on: a letter each, s(erved), n(ot), A(warded afterwards).
	tests := []struct {
		name     string
		epochs   []string
		withheld []int64
	}{
		{"never tried", []string{"", "", ""}, nil},
		{"serves", []string{"ss", "s", "nns"}, nil},
		{"serves nobody: withheld within two epochs", []string{"nn", "nn", "", "nn"}, []int64{11, 12, 13, 14}},
		{"one attempt is not enough", []string{"n", "n", "n", "n"}, nil},
		{"an epoch with one attempt does not break the row", []string{"nn", "n", "nn"}, []int64{12, 13, 14}},
		{"once is enough", []string{"nn", "snn", "nn"}, nil},
		{"served after two failures: not a failure", []string{"nn", "nns", "nn"}, nil},
		{"serves again", []string{"nn", "nn", "", "s"}, []int64{11, 12}},
		{"serves again at once", []string{"nn", "nns"}, nil},
		{"withheld again", []string{"nn", "nn", "s", "nn", "nn"}, []int64{14}},
		{"paid uploads", []string{"nnA", "nn", "nnA"}, nil},
		{"paid uploads afterwards", []string{"nn", "nnA", "nn"}, nil},
	}
	for _, tt := range tests {
		var s Serving
		for i, epoch := range tt.epochs {
			for _, x := range epoch {
				switch x {
				case 's':
					s = s.After(p, int64(10+i), Passed)
				case 'n':
					s = s.After(p, int64(10+i), Inconclusive)
				case 'A':
					s = s.Awarded(int64(10 + i))
				}
			}
		}
		var got []int64
		for e := int64(9); e < 15; e++ {
			if s.Withheld(e) {
				got = append(got, e)
			}
		}
		if tt.name == "withheld again" { // only the last time is kept
			got = got[len(got)-1:]
		}
		if diff := cmp.Diff(tt.withheld, got); diff != "" {
			t.Errorf("%s: %+v: %s", tt.name, s, diff)
		}
	}
}

// Whoever serves one attempt in each epoch is never withheld; whoever serves none is from the second
// epoch with two attempts on; and nothing grows without bound.
func TestServingProperties(t *testing.T) {
	p := DefaultParams()
	rapid.Check(t, func(t *rapid.T) {
		var good, bad Serving
		failed := 0
		for epoch := int64(1); epoch < 12; epoch++ {
			n := rapid.IntRange(0, 5).Draw(t, "attempts")
			if n >= 2 {
				failed++
			}
			when := rapid.IntRange(0, max(0, n-1)).Draw(t, "served")
			for i := range n {
				v := Missing
				if i == when {
					v = Passed
				}
				good, bad = good.After(p, epoch, v), bad.After(p, epoch, Refused)
			}
			if good.Withheld(epoch) || good.Withheld(epoch+1) {
				t.Fatalf("%+v", good)
			}
			if bad.Withheld(epoch) != (failed >= 2) || len(bad.Failed) > p.ServingFailures {
				t.Fatalf("epoch %d, %d failed: %+v", epoch, failed, bad)
			}
		}
		raw, err := json.Marshal(bad)
		var back Serving
		if err != nil || json.Unmarshal(raw, &back) != nil || !cmp.Equal(bad, back) {
			t.Fatalf("%s", raw)
		}
	})
}

// Uploads are awarded when an epoch is settled, epochs later than the attempts.
func TestLateAwards(t *testing.T) {
	p := DefaultParams()
	s := Serving{}.After(p, 5, Late).After(p, 5, Late).After(p, 6, Late).After(p, 6, Late)
	if !s.Withheld(6) || s.Withheld(5) {
		t.Fatalf("%+v", s)
	}
	if got := s.Awarded(4); !got.Withheld(6) {
		t.Error("an award of an epoch before counts")
	}
	for _, epoch := range []int64{5, 6} {
		if got := s.Awarded(epoch); got.Withheld(6) || got.Withheld(7) {
			t.Errorf("somebody was served in epoch %d: %+v", epoch, got)
		}
	}
	if got := s.After(p, 8, Passed); !got.Withheld(7) || got.Withheld(8) {
		t.Error("an epoch in which nobody was served is paid when it is settled late")
	}
}
