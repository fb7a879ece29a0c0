package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/swarmstake/swarmstake/cmd/swarmstake/server"
	"github.com/swarmstake/swarmstake/tokens"
)

func torrentsAdminCmd() *cobra.Command {
	cmd := &cobra.Command{Use: "torrent", Short: "Torrents that are free or sponsored"}
	cmd.AddCommand(
		torrentChangeCmd(server.TorrentFree, "INFOHASH --for 48h", "Let everybody download a torrent for nothing, for a time",
			"Makes a torrent freeleech: downloads cost nothing and need no stake, and what is uploaded pays\nnobody per byte. Hosting it is rewarded as before; with 'sponsor' its seeders get more."),
		torrentChangeCmd(server.TorrentPaid, "INFOHASH", "End that", "Ends freeleech: bytes from now on are billed again."),
		torrentChangeCmd(server.TorrentSponsor, "INFOHASH --for 720h --amount 100", "Give tokens of the treasury to a torrent's seeders",
			"Moves tokens from the treasury to the torrent's proven seeders, evenly over the time, by the time\nand score that each proved. What nobody earned goes back to the treasury at the end."))
	return cmd
}

func torrentChangeCmd(do, use, short, long string) *cobra.Command {
	var path, amount string
	var d time.Duration
	cmd := &cobra.Command{
		Use: do + " " + use + " --data DIR", Short: short, Long: long,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			conf, err := loadConfig(cmd, path)
			if err != nil {
				return err
			}
			req := server.ChangeTorrent{Do: do, InfoHash: args[0], For: d}
			if do == server.TorrentSponsor {
				if req.Amount, err = tokens.ParseAmount(amount); err != nil {
					return fmt.Errorf("--amount: %w", err)
				}
			}
			answer, err := server.AdministerTorrent(cmd.Context(), conf, req)
			if err == nil {
				fmt.Fprintf(cmd.OutOrStdout(), "%s\n", answer)
			}
			return err
		},
	}
	configFlags(cmd, &path)
	if do != server.TorrentPaid {
		cmd.Flags().DurationVar(&d, "for", 0, "how long")
	}
	if do == server.TorrentSponsor {
		cmd.Flags().StringVar(&amount, "amount", "", "tokens, with up to 6 decimals")
	}
	return cmd
}
