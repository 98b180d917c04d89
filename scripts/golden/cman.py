# SPDX-License-Identifier: MIT
"""CMAN (Xuan et al., AAAI 2020) in PyTorch, with what tyto adds: adapters in front, a
scale on where's cosine, causal masks with a look-ahead, a multi-label head. Names and
shapes of the parameters are those of the weights file; formulae: model/README.md."""
import torch
import torch.nn.functional as F
from torch import nn

CONFIG = dict(num_segments=10, num_places=49, audio_in=160, visual_in=1280, audio_width=128,
              visual_width=128, match_width=64, when_width=64, hidden_width=96,
              which_width=64, head_width=64, look_ahead=1, head="multi_label")


def num_logits(config, num_classes):
    return num_classes + 1 if config["head"] == "softmax" else 3 * num_classes


def mask(num_segments, look_ahead):
    """(T,T) of 0 and -inf to add to scores: query t sees keys k <= t + look_ahead."""
    if look_ahead is None:
        return torch.zeros(num_segments, num_segments)
    seen = torch.ones(num_segments, num_segments).tril(look_ahead)
    return torch.zeros(num_segments, num_segments).masked_fill(seen == 0, float("-inf"))


class Where(nn.Module):
    def __init__(self, audio, visual, match):
        super().__init__()
        self.audio, self.visual = nn.Linear(audio, match), nn.Linear(visual, match)
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, a, v):
        """a (B,T,da), v (B,T,L,dv) -> pooled (B,T,dv), place (B,T,L)."""
        a = F.normalize(self.audio(a), dim=-1)[..., None]
        cosine = (F.normalize(self.visual(v), dim=-1) @ a).squeeze(-1)
        place = F.softmax(self.scale * cosine, -1)
        return (place[..., None, :] @ v).squeeze(-2), place


class When(nn.Module):
    def __init__(self, width, key):
        super().__init__()
        self.q = nn.Linear(width, key, bias=False)
        self.k = nn.Linear(width, key, bias=False)
        self.v = nn.Linear(width, width, bias=False)

    def forward(self, x, scores_mask):
        scores = self.q(x) @ self.k(x).transpose(1, 2) / self.q.out_features ** 0.5
        return x + F.softmax(scores + scores_mask, -1) @ self.v(x)


class SentinelLstm(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.input = nn.Linear(width, 4 * hidden, bias=False)
        self.hidden = nn.Linear(hidden, 4 * hidden, bias=False)
        self.bias = nn.Parameter(torch.zeros(4 * hidden))
        self.gate_x = nn.Linear(width, hidden, bias=False)
        self.gate_h = nn.Linear(hidden, hidden, bias=False)

    def forward(self, x):
        """x (B,T,width) -> hidden states and sentinels, (B,T,hidden) each."""
        h = m = x.new_zeros(x.shape[0], self.gate_h.in_features)
        hs, sentinels = [], []
        for step in x.unbind(1):
            i, f, g, o = (self.input(step) + self.hidden(h) + self.bias).chunk(4, -1)
            gate = torch.sigmoid(self.gate_x(step) + self.gate_h(h))
            m = torch.sigmoid(f) * m + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(m)
            hs.append(h)
            sentinels.append(gate * torch.tanh(m))
        return torch.stack(hs, 1), torch.stack(sentinels, 1)


class Which(nn.Module):
    def __init__(self, hidden, other, key):
        super().__init__()
        self.other = nn.Linear(other, hidden)
        self.a = nn.Linear(hidden, key, bias=False)
        self.g = nn.Linear(hidden, key, bias=False)
        self.s = nn.Linear(hidden, key, bias=False)
        self.h = nn.Linear(key, 1, bias=False)

    def forward(self, hs, sentinels, other, scores_mask):
        """-> y (B,T,hidden), beta (B,T), alignment (B,T,T)."""
        o = self.other(other)
        z = self.h(torch.tanh(self.a(o)[:, None] + self.g(hs)[:, :, None])).squeeze(-1)
        z = z + scores_mask
        own = self.h(torch.tanh(self.s(sentinels) + self.g(hs)))
        align = F.softmax(z, -1)
        beta = F.softmax(torch.cat([z, own], -1), -1)[..., -1:]
        return beta * sentinels + (1 - beta) * (align @ o) + hs, beta.squeeze(-1), align


class Cman(nn.Module):
    """Inputs are encoder features: audio (B,T,A), visual (B,T,L,V), and has_audio and
    has_visual (B,T) of 0/1, None meaning all there. A missing modality enters as zeros
    after the adapter."""

    def __init__(self, config, num_classes, adapters=True, skip=False):
        super().__init__()
        c = self.config = dict(config)
        da, dv, dh = c["audio_width"], c["visual_width"], c["hidden_width"]
        if adapters:
            self.adapt_audio = nn.Linear(c["audio_in"], da)
            self.adapt_visual = nn.Linear(c["visual_in"], dv)
        self.where = Where(da, dv, c["match_width"])
        self.when = nn.ModuleDict({"audio": When(da, c["when_width"]),
                                   "visual": When(dv, c["when_width"])})
        self.lstm = nn.ModuleDict({"audio": SentinelLstm(da, dh),
                                   "visual": SentinelLstm(dv, dh)})
        self.which = nn.ModuleDict({"audio": Which(dh, dv, c["which_width"]),
                                    "visual": Which(dh, da, c["which_width"])})
        self.head = nn.ModuleList([nn.Linear(2 * dh, c["head_width"]),
                                   nn.Linear(c["head_width"], num_logits(c, num_classes))])
        if skip:
            self.skip = nn.ModuleDict({
                "audio": nn.Linear(da, num_logits(c, num_classes), bias=False),
                "visual": nn.Linear(dv, num_logits(c, num_classes), bias=False)})
        self.dropout = 0.0

    def adapt(self, audio, visual, has_audio=None, has_visual=None):
        if hasattr(self, "adapt_audio"):
            audio, visual = self.adapt_audio(audio), self.adapt_visual(visual)
        if has_audio is not None:
            audio = audio * has_audio[..., None]
        if has_visual is not None:
            visual = visual * has_visual[..., None, None]
        return audio, visual

    def forward(self, audio, visual, has_audio=None, has_visual=None, look_ahead=-1):
        """look_ahead: -1 the configuration's, None no mask. -> dict of logits and maps."""
        a, v = self.adapt(audio, visual, has_audio, has_visual)
        return self.attend(a, v, look_ahead)

    def attend(self, a, v, look_ahead=-1):
        """The same from adapted features (B,T,da) and (B,T,L,dv) on."""
        if look_ahead == -1:
            look_ahead = self.config["look_ahead"]
        drop = self.dropout if self.training else 0.0
        a, v = F.dropout(a, drop), F.dropout(v, drop)
        scores_mask = mask(a.shape[1], look_ahead)
        pooled, place = self.where(a, v)
        direct = self.skip["audio"](a) + self.skip["visual"](pooled) if hasattr(self, "skip") else 0
        a, v = self.when["audio"](a, scores_mask), self.when["visual"](pooled, scores_mask)
        ha, sa = self.lstm["audio"](a)
        hv, sv = self.lstm["visual"](v)
        ya, beta_a, align_a = self.which["audio"](ha, sa, v, scores_mask)
        yv, beta_v, align_v = self.which["visual"](hv, sv, a, scores_mask)
        y = F.relu(self.head[0](F.dropout(torch.cat([ya, yv], -1), drop)))
        return {"logits": self.head[1](F.dropout(y, drop)) + direct, "place": place,
                "beta_audio": beta_a, "beta_visual": beta_v,
                "align_audio": align_a, "align_visual": align_v}
