package store

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/availability"
)

// TestParametersComeWithTheNextEpoch follows one key through changes, a change that was taken back,
// and a key that came later.
func TestParametersComeWithTheNextEpoch(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	set := func(want string, values map[string]string) {
		t.Helper()
		changes, err := s.SetParameters(t.Context(), values, "test")
		short := []string{}
		for _, c := range changes {
			short = append(short, fmt.Sprintf("{%s %s %s %d}", c.Key, c.From, c.To, c.Epoch))
		}
		if got := fmt.Sprint(short); err != nil || got != want {
			t.Fatalf("set %v: %s %v, want %s", values, got, err, want)
		}
	}
	at := func(epoch int64, want map[string]string) {
		t.Helper()
		if got, err := s.ParametersAt(t.Context(), epoch); err != nil || !maps.Equal(got, want) {
			t.Fatalf("epoch %d: %v %v, want %v", epoch, got, err, want)
		}
	}
	next := func() {
		t.Helper()
		if _, err := s.NextEpoch(t.Context(), availability.DefaultParams(), [32]byte{}); err != nil {
			t.Fatal(err)
		}
	}
	set("[{a  1 1} {b  2 1}]", map[string]string{"a": "1", "b": "2"}) // a first start
	set("[{a 1 3 1}]", map[string]string{"a": "3"})                   // and another before there was an epoch
	next()
	set("[]", map[string]string{"a": "3", "b": "2"})
	set("[{a 3 4 2}]", map[string]string{"a": "4"})
	at(1, map[string]string{"a": "3", "b": "2"})
	at(2, map[string]string{"a": "4", "b": "2"})
	set("[{a 4 3 2}]", map[string]string{"a": "3"}) // taken back in time
	at(2, map[string]string{"a": "3", "b": "2"})
	set("[{a 3 5 2}]", map[string]string{"a": "5"})
	p, err := s.Parameters(t.Context())
	if err != nil || p.Epoch != 1 || len(p.InForce) != 2 || p.InForce[0].Value != "3" || len(p.Pending) != 1 || p.Pending[0].Value != "5" || p.Pending[0].Epoch != 2 {
		t.Fatalf("%+v %v", p, err)
	}
	next()
	if p, err = s.Parameters(t.Context()); err != nil || p.InForce[0].Value != "5" || len(p.Pending) != 0 {
		t.Fatalf("%+v %v", p, err)
	}
	set("[{c  7 2}]", map[string]string{"c": "7"}) // a version that knows a new key
	at(1, map[string]string{"a": "3", "b": "2", "c": "7"})
	at(2, map[string]string{"a": "5", "b": "2", "c": "7"})
}

func TestParameterHistoryGoesBackwards(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	for i := range 5 {
		if _, err := s.SetParameters(t.Context(), map[string]string{"a": fmt.Sprint(i)}, "test"); err != nil {
			t.Fatal(err)
		}
	}
	var values []string
	for before, pages := int64(0), 0; pages == 0 || before > 0; pages++ {
		page, next, err := s.ParameterHistory(t.Context(), before, 2)
		if err != nil || len(page) > 2 || pages > 5 {
			t.Fatalf("page %d: %v %v", pages, page, err)
		}
		for _, p := range page {
			values = append(values, p.Value)
		}
		before = next
	}
	if got := strings.Join(values, ""); got != "43210" {
		t.Errorf("history %q", got)
	}
	for _, q := range []string{"UPDATE parameters SET value = '9'", "DELETE FROM parameters"} {
		if _, err := s.w.Exec(q); err == nil {
			t.Errorf("%s: allowed", q)
		}
	}
}

// TestParametersAsAModelHasThem compares random changes and epochs with a list of maps.
func TestParametersAsAModelHasThem(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	cases := 0
	rapid.Check(t, func(t *rapid.T) {
		ctx := t.Context()
		cases++
		name := func(k string) string { return fmt.Sprintf("%d.%s", cases, k) }
		e, err := s.NextEpoch(ctx, availability.DefaultParams(), [32]byte{})
		if err != nil {
			t.Fatal(err)
		}
		inForce, wanted := []map[string]string{{}}, map[string]string{} // inForce[i] is of epoch e.Number+i
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "epoch") {
				if _, err := s.NextEpoch(ctx, availability.DefaultParams(), [32]byte{}); err != nil {
					t.Fatal(err)
				}
				inForce = append(inForce, maps.Clone(wanted))
				continue
			}
			k, v := name(rapid.SampledFrom([]string{"a", "b"}).Draw(t, "key")), rapid.SampledFrom([]string{"0", "1", "2"}).Draw(t, "value")
			if _, known := wanted[k]; !known {
				for _, m := range inForce {
					m[k] = v
				}
			}
			wanted[k] = v
			if _, err := s.SetParameters(ctx, map[string]string{k: v}, "test"); err != nil {
				t.Fatal(err)
			}
		}
		for i, want := range append(slices.Clone(inForce), wanted) {
			got, err := s.ParametersAt(ctx, e.Number+int64(i))
			maps.DeleteFunc(got, func(k, _ string) bool { return !strings.HasPrefix(k, name("")) })
			if err != nil || !maps.Equal(got, want) {
				t.Fatalf("epoch +%d: %v %v, want %v", i, got, err, want)
			}
		}
	})
}
