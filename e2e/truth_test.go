package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/e2e/harness"
)

// TestSQLvsTruth sends events that the test itself counts, and compares the answers of SQL with its own.
func TestSQLvsTruth(t *testing.T) {
	t.Parallel()
	s := harness.Start(t)
	p := s.CreateProject("shop")
	s.CreatePipelines("shop")
	sender := &harness.Sender{Service: s, Token: p.Token}
	truth := newTruth(rand.New(rand.NewPCG(7, 7)), 3000)
	for batch := range slices.Chunk(truth.events, 500) {
		for _, e := range batch {
			e["properties"].(harness.Object)["token"] = p.Token
		}
		sender.MustSend(sender.Import, batch...)
	}
	sender.MustSend(sender.Engage, truth.profiles...)
	s.AwaitPublished(p.ID)
	s.RequireExact("shop")

	for _, c := range []struct {
		name, sql string
		want      map[string]int
	}{
		{"events by day", "SELECT mp_date, count(*) FROM mp_json_export.mp_master_event GROUP BY 1", truth.days},
		{"events by name", "SELECT event_name, count(*) FROM mp_json_export.mp_master_event GROUP BY 1", truth.names},
		{
			"events by city", "SELECT json_extract_path_text(properties, '$city'), count(*) FROM mp_json_export.mp_master_event GROUP BY 1",
			truth.cities,
		},
		{
			"one day", fmt.Sprintf("SELECT event_name, count(*) FROM mp_json_export.mp_master_event WHERE mp_date = '%s' GROUP BY 1", truthDay),
			truth.namesOfDay,
		},
		{
			"events by the plan of the person", `SELECT json_extract_path_text(p.properties, 'plan'), count(*) FROM mp_json_export.mp_master_event e
				JOIN mp_json_export.mp_people_data p ON e.distinct_id = p.distinct_id GROUP BY 1`,
			truth.plans,
		},
		{
			"events by person after identity resolution", `SELECT COALESCE(i.resolved_distinct_id, e.distinct_id), count(*)
				FROM mp_json_export.mp_master_event e
				LEFT JOIN mp_json_export.mp_identity_mappings_data i ON e.distinct_id = i.distinct_id GROUP BY 1`,
			truth.people,
		},
		{
			"numbers beyond 2^53 keep their digits", "SELECT json_extract_path_text(properties, 'order_id'), count(*) FROM mp_json_export.mp_master_event GROUP BY 1",
			truth.orders,
		},
		{
			"decimals keep their text", "SELECT json_extract_path_text(properties, 'amount'), count(*) FROM mp_json_export.mp_master_event GROUP BY 1",
			truth.amounts,
		},
		{
			"nested values", "SELECT json_extract_path_text(properties, 'cart', 'sku'), count(*) FROM mp_json_export.mp_master_event GROUP BY 1",
			truth.skus,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.NotEmpty(t, c.want)
			got := map[string]int{}
			for _, row := range s.Rows(c.sql) {
				n, err := strconv.Atoi(row[1])
				require.NoError(t, err)
				got[row[0]] = n
			}
			require.Equal(t, c.want, got)
		})
	}
	t.Run("sums are exact", func(t *testing.T) {
		rows := s.Rows("SELECT sum(CAST(json_extract_path_text(properties, 'amount') AS decimal(18,2))) FROM mp_json_export.mp_master_event")
		require.Equal(t, [][]string{{fmt.Sprintf("%d.%02d", truth.cents/100, truth.cents%100)}}, rows)
	})
	t.Run("times are seconds", func(t *testing.T) {
		rows := s.Rows(`SELECT min("time"), max("time") FROM mp_json_export.mp_master_event`)
		require.Equal(t, [][]string{{strconv.FormatInt(truth.first/1000, 10), strconv.FormatInt(truth.last/1000, 10)}}, rows)
	})
}

const truthDay = "2026-05-03"

// truth is events and profiles with what is known about them.
type truth struct {
	events, profiles                                                      []harness.Object
	days, names, cities, namesOfDay, plans, people, orders, amounts, skus map[string]int
	cents, first, last                                                    int64
}

// newTruth makes events of persons who are anonymous on a device until they log in on it.
func newTruth(rnd *rand.Rand, n int) *truth {
	const users = 40
	w := &truth{
		days: map[string]int{}, names: map[string]int{}, cities: map[string]int{}, namesOfDay: map[string]int{}, plans: map[string]int{},
		people: map[string]int{}, orders: map[string]int{}, amounts: map[string]int{}, skus: map[string]int{},
		first: 1 << 60,
	}
	cities := []string{"San Francisco", "Zürich", "京都市", `Quote"d`, `Back\slash`, ""}
	plans := []string{"free", "paid", "trial"}
	for u := range users {
		if u%4 != 3 { // some have no profile
			w.profiles = append(w.profiles, harness.Object{"$distinct_id": "user-" + strconv.Itoa(u), "$set": harness.Object{"plan": plans[u%3]}})
		}
	}
	linked := map[string]string{}
	var devices []string
	for i := range n {
		at := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(rnd.Int64N(int64(6 * 24 * time.Hour)))).UnixMilli()
		w.first, w.last = min(w.first, at), max(w.last, at)
		day := time.UnixMilli(at).UTC().Format(time.DateOnly)
		name := []string{"Page Viewed", "sign up", "Purchase"}[rnd.IntN(3)]
		u := rnd.IntN(users)
		device := fmt.Sprintf("dev-%d-%d", u, rnd.IntN(3))
		properties := harness.Object{"time": at, "$insert_id": fmt.Sprintf("t-%d", i), "$device_id": device}
		distinct := "$device:" + device
		if rnd.IntN(3) > 0 {
			distinct = "user-" + strconv.Itoa(u)
			properties["$user_id"] = distinct
			linked["$device:"+device] = distinct
			if u%4 != 3 {
				w.plans[plans[u%3]]++
			}
		}
		devices = append(devices, distinct)
		if city := cities[rnd.IntN(len(cities))]; city != "" {
			properties["$city"] = city
			w.cities[city]++
		} else {
			w.cities["<null>"]++ // a missing property is NULL
		}
		order, amount, sku := "<null>", "<null>", "<null>"
		if name == "Purchase" {
			order = strconv.FormatInt(1<<53+1+2*rnd.Int64N(1000), 10)
			cents := 100 * (1 + rnd.Int64N(500))
			cents += 10 * rnd.Int64N(10)
			amount = fmt.Sprintf("%d.%02d", cents/100, cents%100)
			sku = "SKU-" + strconv.Itoa(rnd.IntN(5))
			w.cents += cents
			properties["order_id"], properties["amount"] = json.Number(order), json.Number(amount)
			properties["cart"] = harness.Object{"sku": sku, "qty": 2}
		}
		w.orders[order]++
		w.amounts[amount]++
		w.skus[sku]++
		w.days[day]++
		w.names[name]++
		if day == truthDay {
			w.namesOfDay[name]++
		}
		w.events = append(w.events, harness.Object{"event": name, "properties": properties})
	}
	for _, id := range devices {
		if user, ok := linked[id]; ok {
			id = user
		}
		w.people[id]++
	}
	return w
}
