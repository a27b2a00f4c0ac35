package event

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// benchBody returns n events of about 645 bytes with 22 to 25 properties as a
// JSON array: strings, integers, decimals, booleans, an object, an array,
// text beyond ASCII, some escapes and nulls.
func benchBody(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	body := []byte{'['}
	for i := range n {
		if i > 0 {
			body = append(body, ',')
		}
		body = fmt.Appendf(body, `{"event":"%s","properties":{"token":"0123456789abcdef0123456789abcdef","time":%d,"distinct_id":"user-%08x",`+
			`"$device_id":"device-%07x","$insert_id":"%016x","$os":"%s","$browser":"%s","$browser_version":%d,"$screen_height":1080,"$screen_width":1920,`,
			pick("Page View", "Signed up", "Purchase", "Search"), 1777593600000+int64(i)*100, r.Uint32(), r.Uint32()>>4, r.Uint64(),
			pick("Mac OS X", "Windows", "iOS"), pick("Chrome", "Firefox", "Safari"), 100+r.IntN(40))
		body = fmt.Appendf(body, `"$city":"%s","mp_country_code":"%s","$current_url":"https://shop.example/p/%d?ref=mail","plan":"%s",`+
			`"price":%d.%02d,"quantity":%d,"is_trial":%t,"tags":["a","b%d"],"cart":{"total":%d.%d0,"items":%d}`,
			pick("München", "Zürich", "New York", "São Paulo"), pick("DE", "CH", "US", "BR"), r.IntN(100000), pick("free", "pro", "team"),
			r.IntN(500), r.IntN(100), r.IntN(9), r.IntN(2) == 0, r.IntN(10), r.IntN(900), r.IntN(10), r.IntN(9))
		if r.IntN(3) == 0 {
			body = append(body, `,"note":"caf\u00e9 \"x\""`...)
		}
		if r.IntN(3) == 0 {
			body = append(body, `,"coupon":null`...)
		}
		if r.IntN(2) == 0 {
			body = append(body, `,"$referrer":"https://www.google.com/"`...)
		}
		body = append(body, `,"mp_lib":"web","$lib_version":"2.55.1","$user_agent":"Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101"}}`...)
	}
	return append(body, ']')
}

func BenchmarkScan(b *testing.B) {
	const events = 2000
	body := benchBody(events)
	var batch Batch
	b.SetBytes(int64(len(body) / events))
	b.ReportAllocs()
	for n := 0; n < b.N; {
		for batch.Reset(body, "properties"); n < b.N && batch.Next(); n++ {
			if batch.Err() != nil {
				b.Fatal(batch.Err())
			}
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

func BenchmarkNormalize(b *testing.B) {
	const events = 2000
	body := benchBody(events)
	policy := TrackPolicy(1777593600000+1000_000, Simplified)
	policy.Host = "api.mixpanel.com"
	var batch Batch
	var n Normalizer
	var rec Record
	b.SetBytes(int64(len(body) / events))
	b.ReportAllocs()
	for i := 0; i < b.N; {
		for batch.Reset(body, "properties"); i < b.N && batch.Next(); i++ {
			if err := n.Event(&rec, &batch, &policy); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
