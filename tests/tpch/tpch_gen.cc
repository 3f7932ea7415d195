// tpch_gen DIRECTORY SCALE [SEED [REFRESHES]]
//
// Writes the eight tables of TPC-H as DIRECTORY/<table>.tbl with the schema, the sizes and the
// distributions that the specification publishes, and REFRESHES pairs of refresh data: new orders
// with their lines in orders.u<n>.tbl and lineitem.u<n>.tbl, and in delete.<n>.tbl the keys of
// orders to delete. Rows are lines in the text format of PostgreSQL's COPY: fields separated by
// tabs. The numbers come from our own generator, so the data is like dbgen's, not equal to it.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace millrace::tpch {
namespace {

using Words = std::span<const char* const>;

constexpr const char* kColours[] = {
    "almond",   "antique",   "aquamarine", "azure",      "beige",     "bisque",    "black",
    "blanched", "blue",      "blush",      "brown",      "burlywood", "burnished", "chartreuse",
    "chiffon",  "chocolate", "coral",      "cornflower", "cornsilk",  "cream",     "cyan",
    "dark",     "deep",      "dim",        "dodger",     "drab",      "firebrick", "floral",
    "forest",   "frosted",   "gainsboro",  "ghost",      "goldenrod", "green",     "grey",
    "honeydew", "hot",       "indian",     "ivory",      "khaki",     "lace",      "lavender",
    "lawn",     "lemon",     "light",      "lime",       "linen",     "magenta",   "maroon",
    "medium",   "metallic",  "midnight",   "mint",       "misty",     "moccasin",  "navajo",
    "navy",     "olive",     "orange",     "orchid",     "pale",      "papaya",    "peach",
    "peru",     "pink",      "plum",       "powder",     "puff",      "purple",    "red",
    "rose",     "rosy",      "royal",      "saddle",     "salmon",    "sandy",     "seashell",
    "sienna",   "sky",       "slate",      "smoke",      "snow",      "spring",    "steel",
    "tan",      "thistle",   "tomato",     "turquoise",  "violet",    "wheat",     "white",
    "yellow"};
constexpr const char* kTypes1[] = {"STANDARD", "SMALL", "MEDIUM", "LARGE", "ECONOMY", "PROMO"};
constexpr const char* kTypes2[] = {"ANODIZED", "BURNISHED", "PLATED", "POLISHED", "BRUSHED"};
constexpr const char* kTypes3[] = {"TIN", "NICKEL", "BRASS", "STEEL", "COPPER"};
constexpr const char* kContainers1[] = {"SM", "LG", "MED", "JUMBO", "WRAP"};
constexpr const char* kContainers2[] = {"CASE", "BOX", "BAG", "JAR", "PKG", "PACK", "CAN", "DRUM"};
constexpr const char* kSegments[] = {"AUTOMOBILE", "BUILDING", "FURNITURE", "MACHINERY",
                                     "HOUSEHOLD"};
constexpr const char* kPriorities[] = {"1-URGENT", "2-HIGH", "3-MEDIUM", "4-NOT SPECIFIED",
                                       "5-LOW"};
constexpr const char* kInstructions[] = {"DELIVER IN PERSON", "COLLECT COD", "NONE",
                                         "TAKE BACK RETURN"};
constexpr const char* kModes[] = {"REG AIR", "AIR", "RAIL", "SHIP", "TRUCK", "MAIL", "FOB"};
constexpr const char* kRegions[] = {"AFRICA", "AMERICA", "ASIA", "EUROPE", "MIDDLE EAST"};
struct Nation {
  const char* name;
  int region;
};
constexpr Nation kNations[] = {
    {"ALGERIA", 0},      {"ARGENTINA", 1}, {"BRAZIL", 1}, {"CANADA", 1},
    {"EGYPT", 4},        {"ETHIOPIA", 0},  {"FRANCE", 3}, {"GERMANY", 3},
    {"INDIA", 2},        {"INDONESIA", 2}, {"IRAN", 4},   {"IRAQ", 4},
    {"JAPAN", 2},        {"JORDAN", 4},    {"KENYA", 0},  {"MOROCCO", 0},
    {"MOZAMBIQUE", 0},   {"PERU", 1},      {"CHINA", 2},  {"ROMANIA", 3},
    {"SAUDI ARABIA", 4}, {"VIETNAM", 2},   {"RUSSIA", 3}, {"UNITED KINGDOM", 3},
    {"UNITED STATES", 1}};

// The grammar of comments. Words that queries look for stand several times.
constexpr const char* kNouns[] = {
    "foxes",     "ideas",     "theodolites", "pinto beans", "instructions",   "dependencies",
    "excuses",   "platelets", "asymptotes",  "courts",      "dolphins",       "multipliers",
    "sauternes", "warthogs",  "frets",       "dinos",       "attainments",    "somas",
    "Tiresias",  "patterns",  "forges",      "braids",      "hockey players", "frays",
    "warhorses", "dugouts",   "notornis",    "epitaphs",    "pearls",         "tithes",
    "waters",    "orbits",    "gifts",       "sheaves",     "depths",         "sentiments",
    "decoys",    "realms",    "pains",       "grouches",    "escapades",      "packages",
    "packages",  "requests",  "requests",    "requests",    "accounts",       "accounts",
    "deposits",  "deposits"};
constexpr const char* kVerbs[] = {
    "sleep",  "wake",   "are",       "cajole",   "haggle", "nag",   "use",     "boost",
    "affix",  "detect", "integrate", "maintain", "nod",    "was",   "lose",    "sublate",
    "solve",  "thrash", "promise",   "engage",   "hinder", "print", "x-ray",   "breach",
    "eat",    "grow",   "impress",   "mold",     "poach",  "serve", "run",     "dazzle",
    "snooze", "doze",   "unwind",    "kindle",   "play",   "hang",  "believe", "doubt"};
constexpr const char* kAdjectives[] = {
    "furious",  "sly",       "careful",  "blithe",  "quick",  "fluffy",  "slow",
    "quiet",    "ruthless",  "thin",     "close",   "dogged", "daring",  "brave",
    "stealthy", "permanent", "enticing", "idle",    "busy",   "regular", "regular",
    "final",    "final",     "ironic",   "ironic",  "even",   "bold",    "silent",
    "special",  "special",   "pending",  "express", "unusual"};
constexpr const char* kAdverbs[] = {
    "sometimes", "always",    "never",   "furiously",  "slyly",       "carefully",  "blithely",
    "quickly",   "fluffily",  "slowly",  "quietly",    "ruthlessly",  "thinly",     "closely",
    "doggedly",  "daringly",  "bravely", "stealthily", "permanently", "enticingly", "idly",
    "busily",    "regularly", "finally", "ironically", "evenly",      "boldly",     "silently"};
constexpr const char* kPrepositions[] = {
    "about", "above",   "according to", "across",  "after",   "against", "along",   "alongside of",
    "among", "around",  "at",           "atop",    "before",  "behind",  "beneath", "beside",
    "among", "between", "beyond",       "by",      "despite", "during",  "except",  "for",
    "from",  "inside",  "instead of",   "into",    "near",    "of",      "on",      "outside",
    "over",  "past",    "since",        "through", "to",      "toward",  "under",   "until",
    "up",    "upon",    "without",      "with",    "within"};
constexpr const char* kAuxiliaries[] = {"do",  "may",   "might",  "shall",    "will", "would",
                                        "can", "could", "should", "ought to", "must", "try to"};
constexpr const char* kTerminators[] = {".", ";", ":", "?", "!", "--"};

// Splitmix64: small, and the same on every machine.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  // Uniform in [low, high].
  int64_t Between(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(Next() % static_cast<uint64_t>(high - low + 1));
  }
  const char* Of(Words words) { return words[Next() % words.size()]; }

 private:
  uint64_t state_;
};

// Days since 1970-01-01.
constexpr int64_t kStartDate = 8035;    // 1992-01-01
constexpr int64_t kCurrentDate = 9298;  // 1995-06-17
constexpr int64_t kEndDate = 10591;     // 1998-12-31

// Howard Hinnant's civil_from_days.
std::string DateText(int64_t days) {
  days += 719468;
  const int64_t era = days / 146097, day = days - era * 146097;
  const int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
  const int64_t of_year = day - (365 * year + year / 4 - year / 100);
  const int64_t shifted = (5 * of_year + 2) / 153;
  const int64_t month = shifted < 10 ? shifted + 3 : shifted - 9;
  char text[32];
  std::snprintf(text, sizeof text, "%04d-%02d-%02d",
                static_cast<int>(year + era * 400 + (month <= 2)), static_cast<int>(month),
                static_cast<int>(of_year - (153 * shifted + 2) / 5 + 1));
  return text;
}

std::string MoneyText(int64_t cents) {
  const std::string sign = cents < 0 ? "-" : "";
  cents = std::abs(cents);
  const std::string rest = std::to_string(cents % 100);
  return sign + std::to_string(cents / 100) + (rest.size() < 2 ? ".0" : ".") + rest;
}

std::string Numbered(const char* name, int64_t number) {
  char text[64];
  std::snprintf(text, sizeof text, "%s#%09lld", name, static_cast<long long>(number));
  return text;
}

class Generator {
 public:
  Generator(std::string directory, double scale, uint64_t seed)
      : directory_(std::move(directory)),
        suppliers_(Scaled(10'000, scale)),
        parts_(Scaled(200'000, scale)),
        customers_(Scaled(150'000, scale)),
        orders_(Scaled(1'500'000, scale)),
        clerks_(Scaled(1'000, scale)),
        seed_(seed) {}

  void Tables();
  // New orders of refresh `n` have the keys that the first load leaves out; it deletes as many old
  // ones.
  void Refresh(int n);

 private:
  static int64_t Scaled(int64_t rows, double scale) {
    return std::max<int64_t>(1, static_cast<int64_t>(static_cast<double>(rows) * scale + 0.5));
  }

  std::ofstream Open(const std::string& name) const {
    std::ofstream out(directory_ + "/" + name + ".tbl", std::ios::binary);
    if (!out) throw std::runtime_error("cannot write " + directory_ + "/" + name + ".tbl");
    return out;
  }
  Random RandomOf(uint64_t what) const { return Random(seed_ * 1000003 + what); }

  void Regions();
  void Suppliers();
  void Parts();
  void PartSupps();
  void Customers();
  void Order(int64_t key, Random& random, std::ostream& orders, std::ostream& lines) const;

  std::string Text(Random& random, size_t low, size_t high) const;
  static std::string NounPhrase(Random& random);
  static std::string VerbPhrase(Random& random);
  static std::string Sentence(Random& random);
  static std::string Address(Random& random);
  static std::string Phone(Random& random, int64_t nation);
  static int64_t RetailPrice(int64_t part) {
    return 90000 + (part / 10) % 20001 + 100 * (part % 1000);
  }
  // The i-th of the four suppliers of a part.
  int64_t SupplierOf(int64_t part, int64_t i) const {
    return (part + i * (suppliers_ / 4 + (part - 1) / suppliers_)) % suppliers_ + 1;
  }
  // The i-th order's key: of each 32 keys, 8 are used; the next 8 belong to refreshes.
  static int64_t OrderKey(int64_t i) { return i / 8 * 32 + i % 8 + 1; }

  std::string directory_;
  int64_t suppliers_, parts_, customers_, orders_, clerks_;
  uint64_t seed_;
};

std::string Generator::NounPhrase(Random& random) {
  const std::string noun = random.Of(kNouns);
  switch (random.Next() % 4) {
    case 0:
      return noun;
    case 1:
      return random.Of(kAdjectives) + (" " + noun);
    case 2:
      return random.Of(kAdjectives) + (", " + std::string(random.Of(kAdjectives))) + " " + noun;
    default:
      return random.Of(kAdverbs) + (" " + std::string(random.Of(kAdjectives))) + " " + noun;
  }
}

std::string Generator::VerbPhrase(Random& random) {
  std::string text;
  if (random.Next() % 2) text += random.Of(kAuxiliaries) + std::string(" ");
  text += random.Of(kVerbs);
  if (random.Next() % 2) text += " " + std::string(random.Of(kAdverbs));
  return text;
}

std::string Generator::Sentence(Random& random) {
  std::string text = NounPhrase(random);
  const uint64_t form = random.Next() % 5;
  auto preposition = [&] {
    text += " " + std::string(random.Of(kPrepositions)) + " the " + NounPhrase(random);
  };
  if (form >= 3) preposition();
  text += " " + VerbPhrase(random);
  if (form == 1 || form == 4) preposition();
  if (form == 2 || form == 3) text += " " + NounPhrase(random);
  return text + random.Of(kTerminators);
}

// A piece of running text with a length in [low, high].
std::string Generator::Text(Random& random, size_t low, size_t high) const {
  const size_t length =
      static_cast<size_t>(random.Between(static_cast<int64_t>(low), static_cast<int64_t>(high)));
  std::string text = Sentence(random);
  while (text.size() < length) text += " " + Sentence(random);
  return text.substr(0, length);
}

std::string Generator::Address(Random& random) {
  static constexpr char kLetters[] =
      "0123456789abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ,";
  std::string text(static_cast<size_t>(random.Between(10, 40)), ' ');
  for (char& c : text) c = kLetters[random.Next() % (sizeof kLetters - 1)];
  return text;
}

std::string Generator::Phone(Random& random, int64_t nation) {
  char text[32];
  std::snprintf(text, sizeof text, "%d-%d-%d-%d", static_cast<int>(nation + 10),
                static_cast<int>(random.Between(100, 999)),
                static_cast<int>(random.Between(100, 999)),
                static_cast<int>(random.Between(1000, 9999)));
  return text;
}

void Generator::Regions() {
  Random random = RandomOf(1);
  std::ofstream regions = Open("region"), nations = Open("nation");
  for (size_t i = 0; i < std::size(kRegions); ++i) {
    regions << i << '\t' << kRegions[i] << '\t' << Text(random, 31, 115) << '\n';
  }
  for (size_t i = 0; i < std::size(kNations); ++i) {
    nations << i << '\t' << kNations[i].name << '\t' << kNations[i].region << '\t'
            << Text(random, 31, 114) << '\n';
  }
}

void Generator::Suppliers() {
  Random random = RandomOf(2);
  std::ofstream out = Open("supplier");
  // Of 10,000 suppliers five were complained about and five recommended; at least one each.
  const int64_t every = std::min<int64_t>(2000, std::max<int64_t>(2, suppliers_));
  for (int64_t key = 1; key <= suppliers_; ++key) {
    const int64_t nation = random.Between(0, 24);
    std::string comment = Text(random, 25, 100);
    if (key % every == 1)
      comment = "Customer " + comment.substr(0, 6) + " Complaints" + comment.substr(6, 60);
    if (key % every == 2 % every)
      comment = "Customer " + comment.substr(0, 6) + " Recommends" + comment.substr(6, 60);
    out << key << '\t' << Numbered("Supplier", key) << '\t' << Address(random) << '\t' << nation
        << '\t' << Phone(random, nation) << '\t' << MoneyText(random.Between(-99999, 999999))
        << '\t' << comment << '\n';
  }
}

void Generator::Parts() {
  Random random = RandomOf(3);
  std::ofstream out = Open("part");
  std::vector<const char*> colours(std::begin(kColours), std::end(kColours));
  for (int64_t key = 1; key <= parts_; ++key) {
    for (size_t i = 0; i < 5; ++i) {
      std::swap(colours[i],
                colours[static_cast<size_t>(random.Between(
                    static_cast<int64_t>(i), static_cast<int64_t>(colours.size()) - 1))]);
    }
    const int64_t maker = random.Between(1, 5), brand = maker * 10 + random.Between(1, 5);
    out << key << '\t' << colours[0] << ' ' << colours[1] << ' ' << colours[2] << ' ' << colours[3]
        << ' ' << colours[4] << "\tManufacturer#" << maker << "\tBrand#" << brand << '\t'
        << random.Of(kTypes1) << ' ' << random.Of(kTypes2) << ' ' << random.Of(kTypes3) << '\t'
        << random.Between(1, 50) << '\t' << random.Of(kContainers1) << ' '
        << random.Of(kContainers2) << '\t' << MoneyText(RetailPrice(key)) << '\t'
        << Text(random, 5, 22) << '\n';
  }
}

void Generator::PartSupps() {
  Random random = RandomOf(4);
  std::ofstream out = Open("partsupp");
  for (int64_t part = 1; part <= parts_; ++part) {
    for (int64_t i = 0; i < 4; ++i) {
      out << part << '\t' << SupplierOf(part, i) << '\t' << random.Between(1, 9999) << '\t'
          << MoneyText(random.Between(100, 100000)) << '\t' << Text(random, 49, 198) << '\n';
    }
  }
}

void Generator::Customers() {
  Random random = RandomOf(5);
  std::ofstream out = Open("customer");
  for (int64_t key = 1; key <= customers_; ++key) {
    const int64_t nation = random.Between(0, 24);
    out << key << '\t' << Numbered("Customer", key) << '\t' << Address(random) << '\t' << nation
        << '\t' << Phone(random, nation) << '\t' << MoneyText(random.Between(-99999, 999999))
        << '\t' << random.Of(kSegments) << '\t' << Text(random, 29, 116) << '\n';
  }
}

void Generator::Order(int64_t key, Random& random, std::ostream& orders,
                      std::ostream& lines) const {
  int64_t customer = random.Between(1, customers_);
  if (customer % 3 == 0) customer -= customers_ > 1 ? 1 : 0;  // A third has no orders.
  const int64_t date = random.Between(kStartDate, kEndDate - 151);
  const int64_t count = random.Between(1, 7);
  int64_t total = 0, open = 0;
  for (int64_t line = 1; line <= count; ++line) {
    const int64_t part = random.Between(1, parts_);
    const int64_t quantity = random.Between(1, 50), discount = random.Between(0, 10);
    const int64_t tax = random.Between(0, 8), price = quantity * RetailPrice(part);
    const int64_t shipped = date + random.Between(1, 121);
    const int64_t committed = date + random.Between(30, 90);
    const int64_t received = shipped + random.Between(1, 30);
    const char* flag = received > kCurrentDate ? "N" : random.Next() % 2 ? "R" : "A";
    total += price * (100 + tax) * (100 - discount) / 10000;
    open += shipped > kCurrentDate;
    lines << key << '\t' << part << '\t' << SupplierOf(part, random.Between(0, 3)) << '\t' << line
          << '\t' << quantity << ".00\t" << MoneyText(price) << '\t' << MoneyText(discount) << '\t'
          << MoneyText(tax) << '\t' << flag << '\t' << (shipped > kCurrentDate ? 'O' : 'F') << '\t'
          << DateText(shipped) << '\t' << DateText(committed) << '\t' << DateText(received) << '\t'
          << random.Of(kInstructions) << '\t' << random.Of(kModes) << '\t' << Text(random, 10, 43)
          << '\n';
  }
  orders << key << '\t' << customer << '\t'
         << (open == 0       ? 'F'
             : open == count ? 'O'
                             : 'P')
         << '\t' << MoneyText(total) << '\t' << DateText(date) << '\t' << random.Of(kPriorities)
         << '\t' << Numbered("Clerk", random.Between(1, clerks_)) << "\t0\t" << Text(random, 19, 78)
         << '\n';
}

void Generator::Tables() {
  Regions();
  Suppliers();
  Parts();
  PartSupps();
  Customers();
  Random random = RandomOf(6);
  std::ofstream orders = Open("orders"), lines = Open("lineitem");
  for (int64_t i = 0; i < orders_; ++i) Order(OrderKey(i), random, orders, lines);
}

void Generator::Refresh(int n) {
  Random random = RandomOf(100 + static_cast<uint64_t>(n));
  const std::string number = std::to_string(n);
  std::ofstream orders = Open("orders.u" + number), lines = Open("lineitem.u" + number);
  std::ofstream deleted = Open("delete." + number);
  // A thousandth of the orders comes and as many go, here at least one.
  const int64_t count = std::max<int64_t>(1, orders_ / 1000);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t at = (n - 1) * count + i;
    if (at >= orders_) throw std::runtime_error("there are not so many orders to delete");
    Order(OrderKey(at) + 8, random, orders, lines);
    deleted << OrderKey(at) << '\n';
  }
}

int Main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: tpch_gen DIRECTORY SCALE [SEED [REFRESHES]]\n";
    return 2;
  }
  std::filesystem::create_directories(argv[1]);
  Generator generator(argv[1], std::atof(argv[2]),
                      argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 1);
  generator.Tables();
  const int refreshes = argc > 4 ? std::atoi(argv[4]) : 0;
  for (int n = 1; n <= refreshes; ++n) generator.Refresh(n);
  return 0;
}

}  // namespace
}  // namespace millrace::tpch

int main(int argc, char** argv) {
  try {
    return millrace::tpch::Main(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
