package server

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/swarmstake/swarmstake/tokens/settle"
)

// TestEveryKeyIsDescribed: each field says what it means and what it takes, and its default is that.
func TestEveryKeyIsDescribed(t *testing.T) {
	seen := map[string]bool{}
	defaults := DefaultConfig()
	for _, k := range configKeys() {
		if k.doc() == "" || seen[k.name] {
			t.Errorf("%s: %q, twice: %v", k.name, k.doc(), seen[k.name])
		}
		seen[k.name] = true
		if v := k.in(&defaults); v.CanInt() && k.shownUnit() == "" && !slices.Contains(plainNumbers, k.name) {
			t.Errorf("%s: a number without a unit", k.name)
		}
		if err := k.check(&defaults); err != nil {
			t.Errorf("default: %v", err)
		}
	}
	for _, want := range []string{"data", "surge.half_life", "settle.retain_ppm", "economy.sale_price", "server.epoch_length", "tracker.cap_ppm"} {
		if !seen[want] {
			t.Errorf("no key %s", want)
		}
	}
	for _, not := range []string{"tracker.symbol", "economy.base_price"} {
		if seen[not] {
			t.Errorf("%s repeats another key", not)
		}
	}
	if err := defaults.Validate(); err != nil {
		t.Error(err)
	}
}

// plainNumbers count nothing that has a name.
var plainNumbers = []string{"economy.lock_exponent", "economy.vesting_exponent", "availability.score_start"}

// TestDerivedFieldsRepeatTheirKeys changes every key that fields are derived from.
func TestDerivedFieldsRepeatTheirKeys(t *testing.T) {
	conf := DefaultConfig()
	conf.Surge.Base, conf.Surge.Window, conf.Surge.QuoteFreeze = 7, 7*time.Minute, 77*time.Second
	conf.Economy.Symbol, conf.Availability.AppealWindow, conf.Settle.CollateralPerGiB = "SEVEN", time.Hour, 77
	values := map[string]reflect.Value{"url": reflect.ValueOf("https://t/wallet")}
	for _, k := range configKeys() {
		values[k.name] = k.in(&conf)
	}
	rules, derived := conf.rulesOf("https://t"), 0
	for _, filled := range []any{rules.Tracker, rules.Economy} {
		v := reflect.ValueOf(filled)
		for i := range v.NumField() {
			from := v.Type().Field(i).Tag.Get("derived")
			if from == "" {
				continue
			}
			derived++
			if want, ok := values[from]; !ok && from != "url" || from != "url" && !want.Equal(v.Field(i)) || from == "url" && v.Field(i).String() != "https://t/wallet" {
				t.Errorf("%s is %v: not %s", v.Type().Field(i).Name, v.Field(i), from)
			}
		}
	}
	if derived < 6 {
		t.Errorf("only %d derived fields found", derived)
	}
}

func TestRangeTags(t *testing.T) {
	number, dur, word, list := reflect.TypeFor[int64](), reflect.TypeFor[time.Duration](), reflect.TypeFor[string](), reflect.TypeFor[[3]int64]()
	for _, bad := range []struct {
		tag string
		t   reflect.Type
	}{
		{"", number}, {"1", number}, {"1..", number}, {"..5", number}, {"5..1", number}, {"1s..2s", number}, {"1-5", number}, {"a|b", number}, {"1..2..3", number},
		{"", dur}, {"1..5", dur}, {"2s..1s", dur}, {"", list}, {"a..b", list}, {"1..5", word}, {"open", word}, {"1..2", reflect.TypeFor[bool]()}, {"", reflect.TypeFor[float64]()},
	} {
		if a, err := parseRange(bad.tag, bad.t); err == nil {
			t.Errorf("range %q of a %s is %+v", bad.tag, bad.t, a)
		}
	}
	for _, good := range []struct {
		tag  string
		t    reflect.Type
		want string
	}{
		{"0..1000000", number, "0 to 1_000_000"}, {"-5..1000", number, "-5 to 1000"}, {"1ms..24h", dur, "1ms to 24h"}, {"a|b|c", word, "a or b or c"},
		{"0..9", list, "3 values, each 0 to 9"}, {"", word, "a text"}, {"", reflect.TypeFor[bool](), "true or false"},
	} {
		if a, err := parseRange(good.tag, good.t); err != nil || a.text != good.want {
			t.Errorf("range %q of a %s is %q, %v", good.tag, good.t, a.text, err)
		}
	}
}

// TestBadValuesAreNamed: the error says which key, which value, and what would be accepted.
func TestBadValuesAreNamed(t *testing.T) {
	for text, want := range map[string]string{
		"[surge]\ndelta = 500001":                                "surge.delta = 500001: want 1 to 500_000 ppm",
		"[surge]\ndelta = -1":                                    "surge.delta = -1: want 1 to 500_000 ppm",
		"[surge]\nstep = \"25h\"":                                "surge.step = 25h: want 1ms to 24h",
		"[surge]\nstep = 25":                                     `surge.step = "25": want a duration such as 250ms, 5m or 72h`,
		"[surge]\nbase = 1.5":                                    `surge.base = "1.5": want a whole number`,
		"[surge]\nbase = 99999999999999999999":                   "read configuration",
		"[surge]\ntarget = 3_000_000":                            "in [surge]: target = 3000000: want at most max_saturation, 2000000",
		"[economy]\nroute = \"both\"":                            "economy.route = both: want surge-download or surge-gate",
		"[economy]\nunbonding_time = \"1h\"":                     "economy.unbonding_time = 1h: want at least availability.appeal_window, 168h",
		"[settle]\nretain_ppm = [1, 2]":                          `settle.retain_ppm = "1,2": want 3 values with commas between them`,
		"[settle]\nretain_ppm = [1, 2, 1_000_001]":               "settle.retain_ppm = 1,2,1000001: want 3 values, each 0 to 1_000_000 ppm",
		"[settle]\nuploaders_ppm = 1":                            "in [settle]: settle: uploaders_ppm + lockers_ppm + treasury_ppm",
		"[availability]\nrenewal_lead = \"72h\"":                 "in [availability]: renewal_lead = 72h0m0s: want less than proof_lifetime",
		"[tracker]\nsummary_bucket = \"1s\"":                     "in [tracker]: demand_window (surge.window) is 15m0s: want at most 16 times summary_bucket, 1s",
		"[server]\nepoch_length = \"0s\"":                        "server.epoch_length = 0s: want 100ms to 168h",
		"[server]\njournal = \"perhaps\"":                        `server.journal = "perhaps": want true or false`,
		"[probe]\nconcurrency = 0":                               "probe.concurrency = 0: want 1 to 1000 audits",
		"[surge]\nhalf_live = \"5m\"":                            "unknown key surge.half_live",
		"[economy]\nbase_price = 5":                              "unknown key economy.base_price",
		"surge = 5":                                              "unknown key surge",
		"url = \"tracker.example\"":                              `url = "tracker.example": want http`,
		"trusted_proxies = [\"10.0.0.1\"]":                       "trusted_proxies",
		"[economy]\nsale_limit = 9":                              "economy.sale_limit = 9: want 10 to 1_000_000_000_000_000_000 utok",
		"[limits]\nbuckets = 0":                                  "limits.buckets = 0: want 1 to 16_777_216 entries",
		"[server]\njournal_bytes = 1":                            "server.journal_bytes = 1: want 268_435_456 to 1_125_899_906_842_624 bytes",
		"[availability]\nmax_bytes = 1":                          "availability.max_bytes = 1: want 16_384 to 1_073_741_824 bytes",
		"[availability]\nscore_lambda_ppm = 1000000":             "availability.score_lambda_ppm = 1000000: want 0 to 999_999 ppm",
		"[settle]\ninflation_ppm = -1":                           "settle.inflation_ppm = -1: want 0 to 1_000_000_000_000 ppm",
		"[economy]\ninvite_interval = \"0s\"":                    "economy.invite_interval = 0s: want 1s to 8760h",
		"[surge]\nwanted_rate = 0\n[economy]\nregistration=\"\"": "surge.wanted_rate = 0: want 1 to",
	} {
		_, err := Load(DefaultConfig(), writeConfig(t, text), nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func writeConfig(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestConfigurationIsReadAsItIsPrinted: config check prints a file that gives the same again.
func TestConfigurationIsReadAsItIsPrinted(t *testing.T) {
	conf := DefaultConfig()
	conf.Name, conf.TrustedProxies, conf.Dev = `a "quoted" name`, []string{"10.0.0.0/8", "fd00::/8"}, true
	conf.Settle.RetainPPM, conf.Surge.Step = [3]int64{3, 2, 1}, 90*time.Second
	var b bytes.Buffer
	if err := PrintConfig(&b, conf); err != nil {
		t.Fatal(err)
	}
	got, err := Load(Config{}, writeConfig(t, b.String()), nil)
	got.Tracker.QuoteFreeze, got.Tracker.DemandWindow, got.Tracker.BasePrice = conf.Tracker.QuoteFreeze, conf.Tracker.DemandWindow, conf.Tracker.BasePrice
	got.Tracker.Symbol, got.Tracker.FundsURL = conf.Tracker.Symbol, conf.Tracker.FundsURL
	got.Economy.BasePrice, got.Economy.AppealWindow, got.Economy.CollateralPerGiB = conf.Economy.BasePrice, conf.Economy.AppealWindow, conf.Economy.CollateralPerGiB
	if err != nil || !reflect.DeepEqual(got, conf) {
		t.Errorf("%v\n%+v\n%+v", err, got, conf)
	}
}

func TestEnvironmentAndFlagsWinOverTheFile(t *testing.T) {
	t.Setenv("SWARMSTAKE_SURGE__HALF_LIFE", "7m")
	t.Setenv("SWARMSTAKE_SETTLE__RETAIN_PPM", "300_000, 200000,010")
	t.Setenv("SWARMSTAKE_TRUSTED_PROXIES", "10.0.0.0/8,fd00::/8")
	t.Setenv("SWARMSTAKE_NAME", "environment")
	conf, err := Load(DefaultConfig(), writeConfig(t, "name = \"file\"\n[surge]\nhalf_life = \"1m\"\nstep = \"2m\""), map[string]any{"name": "flag"})
	if err != nil || conf.Surge.HalfLife != 7*time.Minute || conf.Surge.Step != 2*time.Minute || conf.Settle.RetainPPM != [3]int64{300_000, 200_000, 10} ||
		len(conf.TrustedProxies) != 2 || conf.Name != "flag" {
		t.Errorf("%v %+v", err, conf)
	}
}

// TestSettlementAcceptsWhatTheTagsAccept: settle checks its parameters itself, by the same bounds.
func TestSettlementAcceptsWhatTheTagsAccept(t *testing.T) {
	shares := []string{"settle.uploaders_ppm", "settle.lockers_ppm", "settle.treasury_ppm"} // they must sum to the whole
	for _, k := range configKeys() {
		if k.table != "settle" || k.field.Type.Kind() == reflect.Array || slices.Contains(shares, k.name) {
			continue
		}
		a, err := k.accepts()
		if err != nil {
			t.Fatal(err)
		}
		for _, bound := range []int64{a.min, a.max} {
			conf := Config{Settle: settle.DefaultParams()}
			k.in(&conf).SetInt(bound)
			if err := conf.Settle.Validate(); err != nil {
				t.Errorf("%s may be %d, but %v", k.name, bound, err)
			}
		}
	}
}

// TestReferenceIsCurrent holds the document to what the tags say.
func TestReferenceIsCurrent(t *testing.T) {
	var b bytes.Buffer
	if err := PrintReference(&b); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.FromSlash("../../../docs/CONFIGURATION.md"))
	if err != nil || !bytes.Equal(got, b.Bytes()) {
		t.Errorf("docs/CONFIGURATION.md is not what 'swarmstake config reference' prints: write it there (%v)", err)
	}
	for _, want := range []string{"| `half_life` * | `\"5m\"` | duration | 0s to 24h | of the smoothed saturation", "| `listen` | `\"127.0.0.1:8080\"` |", "## `[economy]`"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the reference lacks %q", want)
		}
	}
}
