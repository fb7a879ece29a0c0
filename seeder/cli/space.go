package cli

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/swarmstake/swarmstake/seeder"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// leastQuota is the least space that is offered without being asked for: below it hosting earns too
// little to be worth a disk that is nearly full.
const leastQuota = 500_000_000

// chooseSpace settles the data folder and the quota: what was asked for, else a good default, else
// what somebody at the terminal says.
func chooseSpace(c *cobra.Command, state string, s *seeder.Settings) error {
	folder := dataFolder(state, *s)
	if s.QuotaBytes > 0 {
		return checkFolder(folder)
	}
	quota, err := defaultQuota(folder, *s)
	if err == nil {
		s.QuotaBytes = int64(quota)
		return nil
	}
	if _, ok := terminal(c.InOrStdin()); !ok {
		return fmt.Errorf("%w; name another folder with --data, or the space to offer with --quota", err)
	}
	printf(c, "%v.\n", err)
	return askSpace(c, s)
}

// askSpace asks for another folder first: more space is worth more than a smaller offer.
func askSpace(c *cobra.Command, s *seeder.Settings) error {
	err := ask(c, "Which folder shall hold the torrents (on a disk with more space)?", func(text string) error {
		if text == "" {
			return fmt.Errorf("want the path of a folder")
		}
		return setFolder(s, text)
	})
	if err != nil {
		return err
	}
	if quota, err := defaultQuota(s.DataDir, *s); err == nil {
		s.QuotaBytes = int64(quota)
		return nil
	}
	return ask(c, "How much space there may be used, as 2GB?", func(text string) error {
		k, err := keyNamed("quota")
		if err != nil {
			return err
		}
		return k.set(s, cmp.Or(text, "0"))
	})
}

// defaultQuota is the smaller of the usual offer and of what the disk has free beyond what is kept
// free, in whole MB.
func defaultQuota(folder string, s seeder.Settings) (bt.Bytes, error) {
	free, err := seeder.DiskFree(existing(folder))
	if err != nil {
		return 0, err
	}
	keep := bt.Bytes(cmp.Or(s.KeepFree, seeder.DefaultKeepFree))
	quota := min(seeder.DefaultQuota, free-keep)
	if quota < leastQuota {
		return 0, fmt.Errorf("the disk of %s has %s free, and %s are to be kept free: too little to offer", folder, sizeOf(free), sizeOf(keep))
	}
	return quota - quota%1_000_000, nil
}

func dataFolder(state string, s seeder.Settings) string {
	return cmp.Or(s.DataDir, filepath.Join(state, "data"))
}

// existing is the nearest folder above a path that is there.
func existing(path string) string {
	path, err := filepath.Abs(path)
	for err == nil {
		if st, statErr := os.Stat(path); statErr == nil && st.IsDir() {
			break
		}
		up := filepath.Dir(path)
		if up == path {
			break
		}
		path = up
	}
	return path
}
