package seeder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/swarmstake/swarmstake/seeder/choose"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	// maxMarketPages bounds how much of the market the chooser reads: 20,000 torrents.
	maxMarketPages = 100
	// maxMarket and maxMarketText bound what of it is remembered, which is the server's word.
	maxMarket, maxMarketText = 20_000, 1 << 10
)

// readMarket reads all pages of the market.
func readMarket(ctx context.Context, client *Client) (e choose.Economy, list []choose.Torrent, err error) {
	cursor := ""
	for range maxMarketPages {
		page, err := client.Market(ctx, cursor)
		if err != nil {
			return e, nil, fmt.Errorf("reading the market: %w", err)
		}
		e = page.economy()
		for _, t := range page.Torrents {
			if c, err := t.candidate(); err == nil && len(list) < maxMarket {
				list = append(list, c)
			}
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	return e, list, nil
}

func (m Market) economy() choose.Economy {
	return choose.Economy{Symbol: m.Symbol[:min(len(m.Symbol), maxMarketText)], UploaderPPM: m.Economy.UploaderPPM, Replicas: m.Economy.Replicas, HostingRate: utok(m.Economy.HostingRate),
		TorrentCap: utok(m.Economy.TorrentCap), FreeBytes: m.Economy.FreeBytes, CollateralGiB: utok(m.Economy.CollateralGiB)}
}

func (t MarketTorrent) candidate() (choose.Torrent, error) {
	ih, err := bt.ParseInfoHash(t.InfoHash)
	if len(t.Name)+len(t.Uploader)+len(t.Category) > maxMarketText || len(t.Collections) > maxMarketText || t.Size <= 0 {
		err = errors.Join(err, errors.New("the market has a torrent without a size, or of an absurd one"))
	}
	if price, perr := t.Price.Int64(); !t.Free && (perr != nil || price < 0) { // never taken for free
		err = errors.Join(err, errors.New("the market has a torrent without a price"))
	}
	if err != nil {
		return choose.Torrent{}, err
	}
	c := choose.Torrent{InfoHash: ih, Name: t.Name, Size: t.Size, Uploader: t.Uploader, Category: t.Category, Price: utok(t.Price), Free: t.Free,
		Approved: t.Approved, Seeders: t.Seeders, Leechers: t.Leechers, Hosts: t.Hosts, Saturation: t.Saturation, Day: t.Day, DayBefore: t.DayBefore,
		DayPaid: utok(t.DayPaid), Created: t.CreatedAt}
	for _, id := range t.Collections {
		c.Collections = append(c.Collections, strconv.FormatInt(id, 10))
	}
	return c, nil
}

// utok reads an amount; what cannot be read counts as nothing.
func utok(n json.Number) tokens.Amount {
	v, err := n.Int64()
	if err != nil {
		return 0
	}
	return tokens.Amount(v)
}
