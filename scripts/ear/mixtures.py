# SPDX-License-Identifier: MIT
"""Sound as cameras hear it, made from recordings by the batch, on whatever device the bank is on.

Two, sometimes three recordings at random speed, place and loudness; rooms; the frequency response
of microphones, telephones and walls; noise, wind and hum; overload; G.711's mu-law. Everything is
drawn anew for every batch."""
import copy
import math

import torch

RATE, NUM = 16000, 15600  # samples of one patch of 96 frames
FFT = 24576  # room for a patch and its reverberation


class Bank:
    """Recordings one after the other; weights say how often each is drawn."""

    def __init__(self, recordings, device):
        lengths = torch.tensor([len(x) for x in recordings])
        self.flat = torch.cat([torch.as_tensor(x) for x in recordings]).to(device)
        self.starts = (lengths.cumsum(0) - lengths).to(device)
        self.lengths = lengths.to(device)
        self.set_weights(torch.ones(len(recordings)))

    def set_weights(self, weights):
        total = weights.double().cumsum(0)
        self.ladder = (total / total[-1]).float().to(self.flat.device)

    def draw(self, num):
        at = torch.searchsorted(self.ladder, torch.rand(num, device=self.flat.device))
        return at.clamp(max=len(self.lengths) - 1)

    def crop(self, which, varied=True):
        """(n) numbers of recordings -> (n, NUM) samples, RMS 1"""
        device, num = self.flat.device, len(which)
        length = self.lengths[which].float()
        speed = torch.ones(num, device=device)
        if varied:
            other = torch.exp(uniform(num, device, -0.35, 0.3))
            speed = torch.where(chance(num, device, 0.35), other, speed)
        span = NUM * speed
        room = length - span
        # Whole samples apart from the rest: a float cannot tell both for a long recording.
        start = (torch.rand(num, device=device) * room).floor().long()  # negative: begins later
        time = torch.arange(NUM, device=device) * speed[:, None]
        low = time.floor()
        part = time - low
        at = start[:, None] + low.long()
        # Some short recordings are repeated, with a pause.
        period = (length * (1 + torch.rand(num, device=device)) + 400).long()
        again = (room < 0) & chance(num, device, 0.3 if varied else 0.0)
        at = torch.where(again[:, None], torch.remainder(at, period[:, None]), at)
        last = self.lengths[which][:, None] - 2
        inside = (at >= 0) & (at <= last)
        index = self.starts[which][:, None] + torch.minimum(at.clamp(min=0), last)
        x = self.flat[index].float() * (1 - part) + self.flat[index + 1].float() * part
        x = torch.where(inside, x / 32768, torch.zeros_like(x))
        heard = inside.float().sum(1).clamp(min=1600)
        level = (x.square().sum(1) / heard).sqrt().clamp(min=3e-3)
        return x / level[:, None]


def joined(banks):
    """One bank of several, to be given weights."""
    out = copy.copy(banks[0])
    before = [0]
    for bank in banks:
        before.append(before[-1] + len(bank.flat))
    out.flat = torch.cat([bank.flat for bank in banks])
    out.starts = torch.cat([bank.starts + at for bank, at in zip(banks, before)])
    out.lengths = torch.cat([bank.lengths for bank in banks])
    return out


def uniform(num, device, low, high):
    return torch.rand(num, device=device) * (high - low) + low


def chance(num, device, share):
    return torch.rand(num, device=device) < share


def from_db(level):
    return 10 ** (level / 20)


def made_tones(num, device):
    """Horns, sirens, beeps, motors: harmonics on a moving pitch, switched and beaten."""
    t = torch.arange(NUM, device=device) / RATE
    base = torch.exp(uniform(num, device, math.log(25), math.log(3500)))[:, None]
    rate = torch.exp(uniform(num, device, math.log(0.15), math.log(12)))[:, None]
    turn = torch.sin(2 * math.pi * (rate * t + torch.rand(num, 1, device=device)))
    turn = torch.where(chance(num, device, 0.4)[:, None], torch.sign(turn), turn)
    depth = torch.where(chance(num, device, 0.6), uniform(num, device, 0.0, 0.9),
                        torch.zeros(num, device=device))[:, None]
    pitch = base * 2 ** (depth * turn)
    phase = 2 * math.pi * torch.cumsum(pitch / RATE, 1)
    x = torch.zeros(num, NUM, device=device)
    roll = uniform(num, device, 0.2, 2.5)[:, None]
    for k in range(1, 13):
        own = torch.rand(num, 1, device=device) * k ** -roll
        x = x + own * torch.sin(k * phase) * (pitch * k < 7600)
    beat = torch.sin(2 * math.pi * (torch.exp(uniform(num, device, 0.0, 3.4))[:, None] * t))
    gate = torch.where(chance(num, device, 0.5)[:, None], (beat > 0).float(), 1 + 0.7 * beat)
    x = torch.where(chance(num, device, 0.5)[:, None], x * gate, x)
    return x / x.square().mean(1, keepdim=True).sqrt().clamp(min=1e-3)


def response(num, device):
    """(n, FFT/2+1) gains of microphones, walls and telephones, smooth over frequency"""
    hz = torch.linspace(0, RATE / 2, FFT // 2 + 1, device=device).clamp(min=10)
    octave = torch.log2(hz / 1000)[None]
    level = uniform(num, device, -4, 4)[:, None] * octave
    for _ in range(3):
        centre, width = uniform(num, device, -4.5, 3)[:, None], uniform(num, device, 0.2, 1.2)
        bump = uniform(num, device, -9, 9)[:, None]
        level = level + bump * torch.exp(-((octave - centre) / width[:, None]).square())
    on = chance(num, device, 0.5)[:, None]
    level = torch.where(on, level, torch.zeros_like(level)).clamp(-30, 20)
    high = torch.exp(uniform(num, device, math.log(1800), math.log(9000)))[:, None]
    low = torch.exp(uniform(num, device, math.log(30), math.log(450)))[:, None]
    steep = torch.randint(1, 9, (num, 1), device=device) * 2.0
    cut_high = 1 / (1 + (hz / high) ** steep).sqrt()
    cut_low = 1 / (1 + (low / hz) ** 4).sqrt()
    one = torch.ones_like(level)
    gain = from_db(level)
    gain = gain * torch.where(chance(num, device, 0.3)[:, None], cut_high, one)
    return gain * torch.where(chance(num, device, 0.3)[:, None], cut_low, one)


def rooms(num, device):
    """(n, FFT/2+1) transfer functions: direct sound, then noise that dies away"""
    samples = 8192
    t = torch.arange(samples, device=device) / RATE
    reverb = torch.exp(uniform(num, device, math.log(0.08), math.log(1.2)))[:, None]
    tail = torch.randn(num, samples, device=device) * torch.exp(-6.9 * t / reverb)
    gap = (uniform(num, device, 0.001, 0.02) * RATE)[:, None]
    tail = tail * (torch.arange(samples, device=device) > gap)
    tail = tail / tail.square().sum(1, keepdim=True).sqrt().clamp(min=1e-6)
    tail = tail * from_db(uniform(num, device, -15.0, 8.0))[:, None]
    tail[:, 0] = 1
    return torch.fft.rfft(tail, FFT)


def wind(x):
    """Rumble in gusts, out of noise."""
    num, device = len(x), x.device
    hz = torch.linspace(0, RATE / 2, NUM // 2 + 1, device=device)
    corner = torch.exp(uniform(num, device, math.log(60), math.log(700)))[:, None]
    x = torch.fft.irfft(torch.fft.rfft(x) / (1 + (hz / corner) ** 2), NUM)
    t = torch.arange(NUM, device=device) / RATE
    gust = 1 + 0.9 * torch.sin(2 * math.pi * (uniform(num, device, 0.3, 3)[:, None] * t +
                                              torch.rand(num, 1, device=device)))
    return x * gust


def hum(x):
    """Of mains of 50 or 60 Hz."""
    num, device = len(x), x.device
    t = torch.arange(NUM, device=device) / RATE
    mains = (50 + 10 * chance(num, device, 0.5).float())[:, None]
    out = torch.zeros_like(x)
    for k in (1, 2, 3, 4, 5, 7, 9):
        own = torch.rand(num, 1, device=device) / k
        out = out + own * torch.sin(2 * math.pi * (k * mains * t + torch.rand(num, 1, device=device)))
    return out


def noises(num, device):
    """(n, NUM) of RMS 1: white to brown noise, wind, hum"""
    hz = torch.linspace(0, RATE / 2, NUM // 2 + 1, device=device).clamp(min=20)
    slope = uniform(num, device, 0.0, 1.3)[:, None]
    spectrum = torch.fft.rfft(torch.randn(num, NUM, device=device)) * (hz / 1000) ** -slope
    x = torch.fft.irfft(spectrum, NUM)
    some(x, 0.3, wind)
    some(x, 0.15, hum)
    return x / rms(x).clamp(min=1e-6)


def mu_law(x):
    companded = torch.sign(x) * torch.log1p(255 * x.abs()) / math.log(256)
    companded = torch.round(companded * 127) / 127
    return torch.sign(companded) * (torch.exp(companded.abs() * math.log(256)) - 1) / 255


def some(x, share, change):
    """A random share of the rows changed."""
    which = torch.randperm(len(x), device=x.device)[:max(1, round(share * len(x)))]
    x[which] = change(x[which])


def rms(x):
    return x.square().mean(1, keepdim=True).sqrt()


def added(bank, low, high):
    def change(x):
        num, device = len(x), x.device
        return x + bank.crop(bank.draw(num)) * from_db(uniform(num, device, low, high))[:, None]
    return change


def elsewhere(x):
    """In a room, or through a microphone, or both."""
    num, device = len(x), x.device
    spectrum = torch.fft.rfft(x, FFT) * response(num, device)
    some(spectrum, 0.55, lambda s: s * rooms(len(s), device))
    x = torch.fft.irfft(spectrum, FFT)[:, :NUM]
    return x / rms(x).clamp(min=1e-3)


def noisy(x):
    num, device = len(x), x.device
    return x + noises(num, device) * from_db(-uniform(num, device, 0.0, 45.0))[:, None]


def overloaded(x):
    limit = x.abs().amax(1, keepdim=True).clamp(min=1e-5)
    return (x / limit * torch.exp(uniform(len(x), x.device, 0.0, 2.5))[:, None]).clamp(-1, 1) * limit


def mix(bank, num):
    """(n, NUM) samples in [-1, 1]; the last fifth are recordings alone"""
    device = bank.flat.device
    x = bank.crop(bank.draw(num))
    whole = num - num // 5
    alone = x[whole:] / x[whole:].abs().amax(1, keepdim=True).clamp(min=1e-3)
    alone = alone * from_db(uniform(num - whole, device, -20.0, 0.0))[:, None]
    x = x[:whole].clone()
    some(x, 0.04, lambda y: made_tones(len(y), device))
    some(x, 0.6, added(bank, -25.0, 2.0))
    some(x, 0.15, added(bank, -25.0, -3.0))
    some(x, 0.65, elsewhere)
    x = x / rms(x).clamp(min=1e-3)
    some(x, 0.45, noisy)
    x = x * from_db(uniform(whole, device, -45.0, -10.0))[:, None]
    some(x, 0.1, overloaded)
    x = x.clamp(-1, 1)
    some(x, 0.1, mu_law)
    return torch.cat([x, alone])


def plain(bank, which):
    """Recordings alone, peak 0.5 as the probe plays them."""
    x = bank.crop(which, varied=False)
    return x / x.abs().amax(1, keepdim=True).clamp(min=1e-3) * 0.5
