package sample

var cities = []struct{ city, region, country string }{
	{"San Francisco", "California", "US"}, {"New York", "New York", "US"}, {"Berlin", "Land Berlin", "DE"},
	{"München", "Bayern", "DE"}, {"São Paulo", "São Paulo", "BR"}, {"東京", "東京都", "JP"}, {"Kraków", "Małopolskie", "PL"},
	{"İstanbul", "İstanbul", "TR"}, {"القاهرة", "القاهرة", "EG"}, {"Reykjavík", "Höfuðborgarsvæðið", "IS"},
	{"Мурманск", "Мурманская область", "RU"}, {"Bengaluru", "Karnataka", "IN"},
}

var browsers = []struct {
	os, browser   string
	width, height int
}{
	{"Mac OS X", "Chrome", 1728, 1117}, {"Windows", "Edge", 1920, 1080}, {"iOS", "Mobile Safari", 390, 844},
	{"Android", "Chrome", 412, 915}, {"Linux", "Firefox", 2560, 1440},
}

var (
	plans    = []string{"free", "starter", "business"}
	pages    = []string{"", "products", "products\\/shoes", "cart", "account", "help\\/returns", "search"}
	titles   = []string{"Home", "Products", "Schuhe für Größe 42", "Panier", "検索結果", "Помощь", "Deals 🎉", "Account"}
	feedback = []string{"", "great", "too slow on mobile", "c'était parfait", "配送が早い", "liked the colours \\u2764, not the \\\"fit\\\"", "meh\\n\\nsecond line"}
	names    = []string{"Alice Nguyen", "José García", "Zoë Müller", "佐藤 花子", "Олена Коваль", "Tunde Adéyẹmí", "Ayşe Yılmaz"}
)
