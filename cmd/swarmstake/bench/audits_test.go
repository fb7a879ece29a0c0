package bench

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestAuditsMeasuresEveryFigure(t *testing.T) {
	out, err := run(t, "audits", "--data", t.TempDir(), "--nodes", "12", "--claims", "5", "--torrents", "20", "--minutes", "240", "--json")
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]float64
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if doc["audits_per_minute"] <= 0 || doc["judged_median_us"] <= 0 || doc["resident_mib"] <= 0 || len(doc) != 13 {
		t.Errorf("%v", doc)
	}
}

func TestAuditsSaysWhatIsWrong(t *testing.T) {
	for want, args := range map[string][]string{
		"--nodes 0":       {"--nodes", "0"},
		"--claims 20000":  {"--claims", "20000"},
		"only --torrents": {"--claims", "50", "--torrents", "20"},
		"--minutes 0":     {"--minutes", "0"},
	} {
		if _, err := run(t, append([]string{"audits"}, args...)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v does not say %q", args, err, want)
		}
	}
}
