"""Synthetic identifiers with valid checksums, made from numbers that nobody can have.

Keep out: who they belong to. Phone numbers lie in ranges that are not assigned (China 142, 143, 154) or kept for films
(France 06 39 98, Germany 0171 39200 and 0176 040690, USA 555-01xx); resident ids carry a prefecture that does not
exist; mail domains end in `.example`; IBANs name a bank that does not exist.
"""

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

RESIDENT_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
RESIDENT_CHECKS = "10X98765432"
FRENCH_FILM_NUMBERS = 10_000
GERMAN_FILM_NUMBERS = 200
AMERICAN_FILM_NUMBERS = 20_000
CHINESE_UNASSIGNED = ("142", "143", "154")


def resident_ids(rng: np.random.Generator, n: int) -> list[str]:
    """Mainland resident ids of region 1199xx, birthday and sequence drawn, check digit by ISO 7064 mod 11-2."""
    head = np.array([f"1199{r:02d}" for r in rng.integers(1, 99, n)])
    born = rng.integers(0, 22_000, n).astype("timedelta64[D]") + np.datetime64("1950-01-01")
    days = np.char.replace(np.datetime_as_string(born, unit="D"), "-", "")
    seventeen = np.char.add(np.char.add(head, days), np.char.zfill(rng.integers(0, 1000, n).astype(str), 3))
    digits = _digits(seventeen, 17)
    checks = np.array(list(RESIDENT_CHECKS))[(digits @ np.array(RESIDENT_WEIGHTS)) % 11]
    return list(np.char.add(seventeen, checks))


def cards(rng: np.random.Generator, n: int) -> list[str]:
    """16-digit card numbers of a test prefix, check digit by Luhn."""
    fifteen = np.char.add("400000", np.char.zfill(rng.integers(0, 10**9, n).astype(str), 9))
    digits = _digits(fifteen, 15)
    doubled = digits.copy()
    doubled[:, 0::2] *= 2
    total = np.where(doubled > 9, doubled - 9, doubled).sum(axis=1)
    return list(np.char.add(fifteen, ((10 - total % 10) % 10).astype(str)))


def ibans(rng: np.random.Generator, n: int) -> list[str]:
    """German IBANs of the bank code 99999999, check digits by mod 97 (ISO 13616)."""
    account = rng.integers(0, 10**10, n)
    # DE00 moved to the end reads 131400; the number is reduced in two steps to stay inside 64 bits.
    left = np.int64(99_999_999) % 97
    middle = (left * pow(10, 10, 97) + account) % 97
    check = 98 - (middle * pow(10, 6, 97) + 131_400) % 97
    body = np.char.add("99999999", np.char.zfill(account.astype(str), 10))
    return list(np.char.add(np.char.add("DE", np.char.zfill(check.astype(str), 2)), body))


def _digits(numbers: npt.NDArray[np.str_], length: int) -> Ints:
    if not len(numbers):
        return np.zeros((0, length), dtype=np.int64)
    return np.array(numbers.astype(f"U{length}"), copy=False).view("U1").reshape(-1, length).astype(np.int64)


# e164(country, i): the number of the i-th person of a country, null when the country's film numbers are used up;
# as_written(phone, country, style): how one person writes it; is_national(country, style): without the country's code,
# which only for Chinese numbers goes without saying.
PHONE_MACROS = f"""
    create macro e164(country, i) as case country
        when 'DE' then case
            when i < {GERMAN_FILM_NUMBERS // 2} then '+4917139200' || printf('%02d', i)
            when i < {GERMAN_FILM_NUMBERS} then '+49176040690' || printf('%02d', i - {GERMAN_FILM_NUMBERS // 2})
        end
        when 'FR' then case when i < {FRENCH_FILM_NUMBERS} then '+3363998' || printf('%04d', i) end
        when 'US' then case
            when i < {AMERICAN_FILM_NUMBERS} then '+1' || (201 + i // 100)::varchar || '55501' || printf('%02d', i % 100)
        end
        else '+86' || ['{"', '".join(CHINESE_UNASSIGNED)}'][1 + i % 3] || printf('%08d', (i * 7919 + 1031) % 100000000)
    end;
    create macro as_written(phone, country, style) as case
        when phone is null or country is null then phone
        when country = 'FR' then [
            '+33 6 ' || phone[5:6] || ' ' || phone[7:8] || ' ' || phone[9:10] || ' ' || phone[11:12],
            '0' || phone[4:4] || ' ' || phone[5:12],
            phone
        ][1 + style % 3]
        when country = 'DE' then ['+49 ' || phone[4:6] || ' ' || phone[7:], '0' || phone[4:6] || '/' || phone[7:], phone][1 + style % 3]
        when country = 'US' then ['(' || phone[3:5] || ') ' || phone[6:8] || '-' || phone[9:], phone][1 + style % 2]
        else [
            phone[4:],
            phone[4:6] || '-' || phone[7:10] || '-' || phone[11:],
            '+86 ' || phone[4:6] || ' ' || phone[7:10] || ' ' || phone[11:],
            '0086' || phone[4:],
            phone
        ][1 + style % 5]
    end;
    create macro is_national(country, style) as coalesce(country in ('DE', 'FR') and style % 3 = 1, false);
"""
