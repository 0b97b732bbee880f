"""The invented brand in numbers: every planted constant of the sample, each with its reason.

Nothing here is about a real shop. The SQL beside this file says how the numbers become rows; what
is planted for a test to find again is computed in `truth`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

SLOTS = 4096
"""Weighted choices are looked up in this many equal slots: one join, whatever the weights."""

CHUNK = 100_000
"""Customers generated at a time. Bounds the memory: a part of every large table per chunk."""

GUESTS_PER_CUSTOMER = 0.12
"""Buyers without an account, each with one or two orders that belong to nobody."""


def _lines(table: str) -> list[str]:
    return [line for line in table.strip().splitlines() if not line.startswith("#")]


@dataclass(frozen=True)
class Archetype:
    """How one kind of buyer behaves. Rates are means; `spread` makes them differ between people."""

    name: str
    share: float  # of the customers
    orders_per_year: float
    spread: float  # sigma of the customer's own rate around that mean (lognormal)
    irregularity: float  # sigma of the gaps between two orders (lognormal): 0.1 a clock, 1 a whim
    life_days: float  # mean days until the customer leaves for good; 0 = after the first order
    lines: float  # mean lines an order
    units: float  # how readily several pieces of one article are bought
    taste: float  # 1 = any price, 4 = nearly always the dear end of the range
    sale_share: float  # share of lines bought marked down
    return_share: float  # share of lines sent back
    ticket_share: float  # support tickets an order
    visits: float  # site visits a month that lead to no order
    is_core: bool  # the brand's own idea of its best customers: invited to early access


# fmt: off
_ARCHETYPES = """
# name          share orders spread irreg  life lines units taste sale return ticket visits core
# Most accounts buy once: the base every repeat rate is measured against.
one_time        0.330    1.0   0.10  0.50     0   1.7   1.0   1.0  0.30  0.07  0.050   0.15   no
occasional      0.300    2.3   0.40  0.80   600   1.9   1.0   1.0  0.25  0.08  0.050   0.30   no
regular         0.168    5.0   0.40  0.60   800   2.1   1.0   1.1  0.20  0.08  0.050   0.50   no
# Waits for the sale and sends much back: revenue that is worth less than it looks.
sale_shopper    0.050    6.5   0.40  0.70   800   2.4   1.0   1.3  0.85  0.20  0.070   1.00   no
# Little and often, hardly ever a complaint: the VIP nobody notices.
quiet_regular   0.012   30.0   0.15  0.15  1600   1.2   1.0   1.1  0.05  0.01  0.002   0.40  yes
# Takes the support team's time and leaves little.
demanding       0.020    3.0   0.30  0.70   700   1.8   1.0   0.9  0.40  0.30  0.900   0.60   no
# Buys what has just come out.
trend_leader    0.020    9.0   0.30  0.50  1000   2.0   1.0   1.6  0.05  0.06  0.040   2.00  yes
vip             0.062   11.0   0.35  0.50  1500   2.5   1.2   1.8  0.15  0.07  0.060   1.00  yes
# Stylists, hosts, faces one knows: few orders would be enough to reach the top tier.
big_spender     0.010   13.0   0.35  0.50  2500   3.2   2.0   3.5  0.05  0.08  0.100   1.00  yes
# Was a VIP and stopped 5 to 17 months ago: in grace, just demoted, or gone.
lapsed_vip      0.020   12.0   0.30  0.50     0   2.5   1.2   1.8  0.15  0.08  0.100   0.20  yes
# One order in each of the last seven months, each dearer than the one before.
rising_star     0.006   12.0   0.00  0.00     0   1.0   1.0   1.0  0.00  0.00  0.020   2.00   no
# Registered, never bought.
prospect        0.002    0.0   0.00  0.00     0   1.0   1.0   1.0  0.00  0.00  0.000   1.00   no
# The last two are not drawn by share. A guest has no account. `on_the_line` are two customers, one
# with exactly the lowest threshold of net spend (three equal lines less an order discount), one a
# cent short of it.
guest           0.000    1.2   0.20  0.60   120   1.6   1.0   1.0  0.30  0.06  0.000   0.00   no
on_the_line     0.000    1.0   0.00  0.00     0   3.0   1.0   1.0  0.00  0.00  0.000   0.20   no
"""
# fmt: on


def _archetype(line: str) -> Archetype:
    name, *numbers, is_core = line.split()
    return Archetype(name, *map(float, numbers), is_core=is_core == "yes")


ARCHETYPES = tuple(_archetype(line) for line in _lines(_ARCHETYPES))


@dataclass(frozen=True)
class Region:
    """A state, province or country, with the phone prefixes of its people."""

    country: str
    region: str
    weight: float
    time_zone: str | None
    utc_offset: int
    prefixes: list[str]


def _region(line: str) -> Region:
    country, region, weight, zone, offset, *prefixes = line.split()
    return Region(
        country, region, float(weight), None if zone == "-" else zone, int(offset), prefixes
    )


# Weights of US states follow their population; the rest of the world is 14 percent of the base.
_REGIONS = """
# country region weight time-zone (- = several) hours-from-UTC area-codes-or-mobile-prefix
US CA 390 America/Los_Angeles -8 213 310 408 415 510 619 626 650 714 818 916 949
US TX 300 - -6 210 214 281 361 512 713 806 817 832 903 915 972
US FL 226 - -5 305 407 561 727 813 850 904 954
US NY 196 America/New_York -5 212 315 516 518 585 646 716 718 914 917
US PA 130 America/New_York -5 215 412 570 610 717 814
US IL 125 America/Chicago -6 217 312 630 773 847
US OH 118 America/New_York -5 216 330 513 614 937
US GA 110 America/New_York -5 404 678 770 912
US NC 108 America/New_York -5 336 704 828 919
US MI 100 - -5 248 313 616 734
US NJ 93 America/New_York -5 201 609 732 908
US VA 87 America/New_York -5 276 540 571 703 757 804
US WA 78 America/Los_Angeles -8 206 253 360 425 509
US AZ 74 America/Phoenix -7 480 602
US TN 71 - -6 423 615 865 901
US MA 70 America/New_York -5 413 508 617 781
US IN 69 - -5 219 317 574 812
US MO 62 America/Chicago -6 314 417 816
US MD 62 America/New_York -5 240 301 410
US WI 59 America/Chicago -6 262 414 608 920
US CO 59 America/Denver -7 303 720 970
US MN 57 America/Chicago -6 218 612 651
US SC 54 America/New_York -5 803 843 864
US AL 51 America/Chicago -6 205 251
US LA 46 America/Chicago -6 225 504
US KY 45 - -5 270 502 859
US OR 42 - -8 503 541
US OK 40 America/Chicago -6 405 918
US CT 36 America/New_York -5 203 860
US UT 34 America/Denver -7 435 801
US IA 32 America/Chicago -6 319 515
US NV 32 America/Los_Angeles -8 702 775
US AR 31 America/Chicago -6 479 501
US KS 29 - -6 316 785
US MS 29 America/Chicago -6 601 662
US NM 21 America/Denver -7 505 575
US NE 20 - -6 308 402
US ID 20 - -7 208
US WV 18 America/New_York -5 304
US HI 14 Pacific/Honolulu -10 808
US NH 14 America/New_York -5 603
US ME 14 America/New_York -5 207
US MT 11 America/Denver -7 406
US RI 11 America/New_York -5 401
US DE 10 America/New_York -5 302
US SD 9 - -6 605
US ND 8 - -6 701
US AK 7 - -9 907
US DC 7 America/New_York -5 202
US VT 6 America/New_York -5 802
US WY 6 America/Denver -7 307
CA ON 90 - -5 416 519 613 647 905
CA QC 40 America/Toronto -5 418 438 450 514
CA BC 30 America/Vancouver -8 250 604 778
CA AB 20 America/Edmonton -7 403 780
CA MB 8 America/Winnipeg -6 204
CA NS 6 America/Halifax -4 902
GB ENG 150 Europe/London 0 447400
GB SCT 24 Europe/London 0 447400
FR IDF 46 Europe/Paris 1 33612
DE BE 20 Europe/Berlin 1 49151
DE BY 26 Europe/Berlin 1 49151
AU NSW 26 Australia/Sydney 10 61491
AU VIC 20 Australia/Melbourne 10 61491
MY 10 36 Asia/Kuala_Lumpur 8 6012
"""

REGIONS = tuple(_region(line) for line in _lines(_REGIONS))


@dataclass(frozen=True)
class Market:
    """How a country pays."""

    country: str
    currency: str
    price_level: int  # prices against those in USD, in percent
    tax: int  # in percent of the net


MARKETS = (
    Market("US", "USD", 100, 7),
    Market("CA", "CAD", 135, 13),
    Market("GB", "GBP", 82, 20),
    Market("FR", "EUR", 95, 20),
    Market("DE", "EUR", 95, 19),
    Market("AU", "USD", 100, 10),
    Market("MY", "USD", 100, 6),
)
FX_BASE = {"CAD": 0.7350, "GBP": 1.2700, "EUR": 1.0850}

# category, middle list price, ratio of dearest to middle, words of product names, replenishable
CATEGORIES = (
    ("dresses", 72, 6.0, "Wrap Dress|Slip Dress|Shirt Dress|Midi Dress", False),
    ("knitwear", 64, 4.5, "Crew Neck|Cardigan|Roll Neck|Vest", False),
    ("denim", 70, 3.0, "Straight Jeans|Wide Jeans|Denim Jacket|Skirt", False),
    ("outerwear", 130, 5.0, "Trench Coat|Puffer|Wool Coat|Parka", False),
    ("shoes", 85, 4.5, "Loafer|Ankle Boot|Sneaker|Sandal", False),
    ("bags", 95, 7.0, "Tote|Crossbody|Clutch|Weekender", False),
    ("jewellery", 40, 10.0, "Hoops|Signet Ring|Chain|Pendant", False),
    ("skincare", 34, 4.0, "Cleanser|Serum|Day Cream, SPF 30|Night Cream", True),
    ("makeup", 24, 3.0, 'Lip Tint "Classic"|Foundation|Mascara|Blush', True),
    ("fragrance", 62, 3.0, "Eau de Parfum|Body Mist|Candle|Solid Perfume", True),
)
RANKS = 24
"""Articles a category, cheap to dear: even ranks are classics, odd ones launch in the window."""
BRANDS = ("Maren & Oak", "Halden", "Petite Rive", "Nord Atelier", "Sol y Sal", "Kestrel")

# Shopping by month, January first, and by ISO weekday, in per mille of an average day.
MONTHS = (820, 850, 930, 950, 1010, 960, 900, 920, 980, 1050, 1450, 1500)
WEEKDAYS = (950, 930, 940, 960, 1080, 1060, 1080)
BLACK_FRIDAY = 2600  # the Friday after the fourth Thursday of November and the three days after it
SALE_MONTHS = (1, 7)  # end of season; the Black Friday days are sale days too
# Local hours of orders, evenings heaviest: a slot each, drawn evenly.
HOURS = (7, 8, 9, 9, 10, 11, 11, 12, 12, 13, 14, 15, 16, 17, 18, 19, 19, 20, 20, 20, 21, 21, 22, 23)

BEFORE_WINDOW = 0.22  # share of accounts opened before the first order of the data
GROWTH = 0.90  # exponent of the joining curve: below 1 more join late than early

_FIRST_NAMES = """
Ava Mia Zoë Noor Emma Liam Noah Ivy Ruth José Ana Lena Omar Priya Chloé Aisha Mateo Jade Hana Theo
Grace Sofia Leah Maya Nina Owen Ella Rosa Yara Luca Mei Tariq Ingrid Farah Juan Kira Siti Dana Björn
"""
_LAST_NAMES = """
Smith Garcia Chen O'Brien Nguyen Müller Patel Kowalski Jones Martin Silva Haddad Okafor Tan Rossi
Dubois Larsen Khan Moreau Ruiz Novak Baker Reyes Fischer Ali Cohen Park Ibrahim Lopez Weber Yamada
Murphy Costa Singh Bauer Evans Diaz Lim Schmidt Brown
"""
FIRST_NAMES, LAST_NAMES = _FIRST_NAMES.split(), _LAST_NAMES.split()
CHANNELS = ("paid_social", "search", "organic", "referral", "store", "influencer", "email")

# Phones: shares of customers. The widely shared number is that of a store's till.
NO_PHONE, BAD_PHONE = 0.03, 0.015
LANDLINES, LANDLINES_OF_CORE = 0.10, 0.25  # where a number tells that it is one
HOUSEHOLD_SHARE, HOUSEHOLD_SHARE_OF_CORE = 0.04, 0.25  # of blocks of four
WIDE_EVERY, WIDE_SIZE = 25_000, 7
# Valid in no country of the brand; "555-0123" would be a number in Germany.
UNUSABLE_PHONES = (
    "+1 555 0123",
    "+1 (123) 555-0147",
    "000-000-0000",
    "ask at the store",
    "+44 7700 900123",
    "12345",
)

# Consent: shares of what customers did about marketing texts.
CONSENT = {
    "opted_in": 0.80,
    "no_proof": 0.07,  # imported from an old tool: no evidence kept
    "never": 0.05,
    "transactional": 0.02,  # said yes to parcel news only
    "opted_out": 0.04,
    "back_in": 0.02,  # out, then in again
}
SUPPRESSED = 0.014
TEST_ACCOUNTS = 0.006

HOLDOUT_SHARE = 0.20  # of each early-access campaign
UPLIFTS = (0.12, 0.00, 0.06, 0.20)
"""Chance that a delivered early-access text causes one more order; by turns, one does nothing."""
WEAR = 0.55  # what an offer leaves of the clicks on the next one, within thirty days
TOUCH_WEIGHTS = {"email": 0.25, "push": 0.25, "mail": 0.0, "phone": 1.0}  # in texts


def slots(shares: Mapping[Any, float]) -> list[Any]:
    """The value that owns each of `SLOTS` equal slots, in order, by its share of the whole."""
    total, running, owners = sum(shares.values()), 0.0, []
    for value, share in shares.items():
        running += share
        owners += [value] * (round(running / total * SLOTS) - len(owners))
    return owners


def black_friday(year: int) -> date:
    """The day after the fourth Thursday of November."""
    first = date(year, 11, 1)
    return date(year, 11, 1 + (3 - first.weekday()) % 7 + 22)


def day_weight(day: date) -> int:
    """How much is bought on a day against an average one, in per mille."""
    if 0 <= (day - black_friday(day.year)).days <= 3:
        return BLACK_FRIDAY
    return MONTHS[day.month - 1] * WEEKDAYS[day.isoweekday() - 1] // 1000


def is_sale(day: date) -> bool:
    """Whether the shop runs a sale that day."""
    return day.month in SALE_MONTHS or 0 <= (day - black_friday(day.year)).days <= 3


def list_price_cents(middle: float, ratio: float, rank: int) -> int:
    """Price of a rank: geometric around the category's middle, to the half dollar."""
    price = middle * ratio ** ((rank - (RANKS - 1) / 2) / ((RANKS - 1) / 2))
    return round(price * 2) * 50


def fx_rate(currency: str, month_number: int) -> int:
    """Reporting currency per unit, in ten-thousandths: a slow swing of three percent."""
    return round(FX_BASE[currency] * (1 + 0.03 * math.sin(month_number / 5)) * 10_000)
