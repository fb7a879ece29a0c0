package store

import (
	"slices"
	"strings"
	"testing"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Pages of members' lists begin where they are in an index, or go through what is one member's.
func TestMembersPagePlans(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	for query, args := range map[string][]any{
		selectInvitesPage: {1, 9, 9, 5},
		withdrawalsBefore: {1, 9, 5},
		slashesBefore:     {1, 9, 5},
		allSlashesBefore:  {9, 5},
		badgesAfter:       {1, "x", 5},
		pricesBefore:      {1, 9, 5},
	} {
		plan := searchPlan(t, s, query, args...)
		for _, step := range strings.Split(plan, "\n") {
			if strings.Contains(step, "SCAN") {
				t.Errorf("%s:\n%s", query, plan)
			}
		}
		sorts := strings.Contains(plan, "TEMP B-TREE")
		if ofOne := query == slashesBefore || query == badgesAfter; sorts && !ofOne { // some of one member's nodes, and some of one member
			t.Errorf("%s sorts:\n%s", query, plan)
		}
	}
}

// Every page goes on where the one before ended, also among rows of one moment.
func TestMembersPages(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	ctx := t.Context()
	if err := s.write(ctx, func(tx *tx) error {
		for _, q := range []string{
			"INSERT INTO members (id, name, key_secret, created_ms) SELECT value, 'm' || value, randomblob(32), 1 FROM json_each('[1,2]')",
			"INSERT INTO invites (code_hash, member, created_ms, expires_ms) SELECT randomblob(8), 1 + value % 2, value / 4, value FROM json_each('[0,1,2,3,4,5,6,7,8,9]')",
			"INSERT INTO torrents (id, infohash, name, size_bytes, piece_bytes, files, uploader, created_ms, price_utok_per_gib) VALUES (1, randomblob(20), 'x', 1, 1, 1, 1, 0, 0)",
			"INSERT INTO prices (torrent, at_ms, price_utok_per_gib, multiplier_ppm, saturation_ppm, demand_bytes, capacity_bytes) SELECT 1, value, 1, 1, 1, 1, 1 FROM json_each('[1,2,3,4,5]')",
		} {
			if err := tx.exec(q); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for limit := 1; limit <= 6; limit++ {
		var expires []int64
		for after := (Cursor{}); len(expires) == 0 || after.Set; {
			page, next, err := s.InvitesPage(ctx, 1, after, limit)
			if err != nil || len(page) == 0 || len(page) > limit {
				t.Fatalf("%d invitations of %d: %v", len(page), limit, err)
			}
			for _, i := range page {
				expires = append(expires, i.ExpiresMs)
			}
			after = next
		}
		var prices []int64
		for before := int64(0); len(prices) == 0 || before > 0; {
			page, next, err := s.PricesBefore(ctx, bt.TorrentID(1), before, limit)
			if err != nil || len(page) == 0 || len(page) > limit {
				t.Fatalf("%d prices of %d: %v", len(page), limit, err)
			}
			for i := range page {
				prices = append(prices, page[len(page)-1-i].AtMs)
			}
			before = next
		}
		if !slices.Equal(expires, []int64{8, 6, 4, 2, 0}) || !slices.Equal(prices, []int64{5, 4, 3, 2, 1}) {
			t.Errorf("pages of %d: invitations %v, prices %v", limit, expires, prices)
		}
	}
}
