package catalog_test

import (
	"slices"
	"testing"

	"github.com/swarmstake/swarmstake/tracker/catalog"
)

func TestCategories(t *testing.T) {
	for _, c := range catalog.Categories() {
		if got, ok := catalog.ParseCategory(string(c)); !ok || got != c {
			t.Errorf("%q is read as %q, %v", c, got, ok)
		}
	}
	for _, text := range []string{"Games", "games ", "x", "games\x00"} {
		if c, ok := catalog.ParseCategory(text); ok {
			t.Errorf("%q is read as %q", text, c)
		}
	}
	if c, ok := catalog.ParseCategory(""); !ok || c != catalog.Other {
		t.Errorf("no category is read as %q, %v", c, ok)
	}
	if sorted := slices.Sorted(slices.Values(catalog.Categories())); len(slices.Compact(sorted)) != len(catalog.Categories()) {
		t.Error("a category is listed twice")
	}
}
