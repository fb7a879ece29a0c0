package settle_test

import (
	"flag"
	"os"
	"testing"

	_ "pgregory.net/rapid" // defines its flag
)

// TestMain has properties checked on a thousand cases each, or on SWARMSTAKE_TEST_CASES of them,
// unless -rapid.checks says otherwise.
func TestMain(m *testing.M) {
	flag.Parse()
	cases := "1000"
	if n := os.Getenv("SWARMSTAKE_TEST_CASES"); n != "" {
		cases = n
	}
	set := false
	flag.Visit(func(f *flag.Flag) { set = set || f.Name == "rapid.checks" })
	if !set {
		if err := flag.Set("rapid.checks", cases); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
