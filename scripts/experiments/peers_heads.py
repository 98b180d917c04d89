# SPDX-License-Identifier: MIT
"""Of peers.py: the heads of AVEL and PSP in PyTorch, their training and what they find."""
import os
import time

import numpy as np

from peers_data import read_data

SHIFTS = list(range(-4, 5))


def shifted(audio, shift):
    """The sound of each second is that of `shift` seconds before; the edge is repeated."""
    last = audio.shape[1] - 1
    return audio[:, [min(max(t - shift, 0), last) for t in range(last + 1)]]


# --- the heads ------------------------------------------------------------------------------------

def make_heads():
    import torch
    from torch import nn
    import torch.nn.functional as F

    def xavier(module):
        for part in module.modules():
            if isinstance(part, nn.Linear):
                nn.init.xavier_uniform_(part.weight)
                if part.bias is not None:
                    nn.init.zeros_(part.bias)

    class GuidedPlaces(nn.Module):
        """AVEL's audio-guided attention in the paper's form: the sound's vector is added to each
        place's, and one number a place comes of their tanh."""

        def __init__(self, audio, visual, hidden, inner):
            super().__init__()
            self.sound, self.place = nn.Linear(audio, hidden), nn.Linear(visual, hidden)
            self.sound_in = nn.Linear(hidden, inner, bias=False)
            self.place_in = nn.Linear(hidden, inner, bias=False)
            self.score = nn.Linear(inner, 1, bias=False)

        def forward(self, a, v):                       # (B,T,A), (B,T,L,V)
            p = self.place_in(F.relu(self.place(v)))
            s = self.sound_in(F.relu(self.sound(a))).unsqueeze(2)
            w = torch.softmax(self.score(torch.tanh(p + s)), 2)
            return (w * v).sum(2)                      # (B,T,V)

    class Avel(nn.Module):
        def __init__(self, audio, visual, classes, width=128):
            super().__init__()
            self.where = GuidedPlaces(audio, visual, visual, 49)
            self.hear = nn.LSTM(audio, width, batch_first=True, bidirectional=True)
            self.see = nn.LSTM(visual, width, batch_first=True, bidirectional=True)
            self.head = nn.Sequential(nn.ReLU(), nn.Linear(4 * width, 64), nn.ReLU(),
                                      nn.Linear(64, classes))
            xavier(self)

        def forward(self, a, v):
            seen = self.where(a, v)
            return self.head(torch.cat([self.hear(a)[0], self.see(seen)[0]], -1)), None

        @staticmethod
        def loss(logits, _, target, plain):
            if plain:
                return F.cross_entropy(logits.flatten(0, 1), target.flatten())
            share = torch.softmax(logits, -1).flatten(0, 1)
            truth = F.one_hot(target.flatten(), logits.shape[-1]).float()
            return F.multilabel_soft_margin_loss(share, truth)

    class Psp(nn.Module):
        """Positive sample propagation: only what two seconds have much in common is passed on."""

        def __init__(self, audio, visual, classes, width=128, least=0.099):
            super().__init__()
            full = 2 * width
            self.least = least
            self.sound = nn.Sequential(nn.Linear(audio, full, bias=False),
                                       nn.Linear(full, width, bias=False))
            self.where = GuidedPlaces(width, visual, visual, 49)
            self.picture = nn.Sequential(nn.Linear(visual, full, bias=False),
                                         nn.Linear(full, width, bias=False))
            self.hear = nn.LSTM(width, width, batch_first=True, bidirectional=True)
            self.see = nn.LSTM(width, width, batch_first=True, bidirectional=True)
            self.maps = nn.ModuleList(
                [nn.Sequential(nn.Linear(full, full, bias=False), nn.ReLU(), nn.Dropout(0.1))
                 for _ in range(6)])
            self.norm = nn.LayerNorm(full, eps=1e-6)
            self.head = nn.Sequential(nn.Linear(full, 64, bias=False), nn.ReLU(),
                                      nn.Linear(64, classes, bias=False))
            xavier(self)

        def pruned(self, beta):
            beta = beta / (beta.sum(-1, keepdim=True) + 1e-8)
            beta = beta * (beta > self.least)
            return beta / (beta.sum(-1, keepdim=True) + 1e-8)

        def forward(self, a, v):
            a = self.sound(a)
            v = self.see(self.picture(self.where(a, v)))[0]
            a = self.hear(a)[0]
            v1, v2, a1, a2 = (self.maps[i](x) for i, x in enumerate((v, v, a, a)))
            beta = F.relu(v2 @ a1.transpose(1, 2) / v.shape[-1] ** 0.5)
            seen = v + self.pruned(beta) @ a2
            heard = a + self.pruned(beta.transpose(1, 2)) @ v1
            seen, heard = self.norm(self.maps[4](seen)), self.norm(self.maps[5](heard))
            return self.head((seen + heard) / 2), F.cosine_similarity(seen, heard, dim=-1)

        @staticmethod
        def loss(logits, alike, target, plain):
            loss = F.cross_entropy(logits.flatten(0, 1), target.flatten())
            if plain:
                return loss
            event = (target != logits.shape[-1] - 1).float()
            event = event / event.sum(1, keepdim=True).clamp(min=1)
            alike = F.relu(alike)
            alike = alike / (alike.sum(1, keepdim=True) + 1e-8)
            return loss + 100 * F.mse_loss(alike, event)

    return {"avel": Avel, "psp": Psp}


def predict(net, part, shift):
    """Share of right segments, and processor seconds a clip."""
    import torch

    audio, visual, target = part
    audio = shifted(audio, shift)
    right, spent = 0, 0.0
    net.eval()
    with torch.no_grad():
        for i in range(0, len(target), 128):
            begun = time.process_time()
            z = net(torch.from_numpy(audio[i:i + 128]), torch.from_numpy(visual[i:i + 128]))[0]
            spent += time.process_time() - begun
            right += int((z.argmax(-1).numpy() == target[i:i + 128]).sum())
    net.train()
    return right / max(1, target.size), spent / max(1, len(target))


STAYS = 2.0  # as trainer/eval/aligned.c has it


def predict_aligned(net, part, shift):
    """Share of right segments where the sound, moved by `shift`, is moved back by each of SHIFTS, and
    what the net says is weighed by exp(seconds of a certain event), the unmoved favoured."""
    import torch

    audio, visual, target = part
    audio, visual = shifted(audio, shift), torch.from_numpy(visual)
    said = []
    net.eval()
    with torch.no_grad():
        for back in SHIFTS:
            moved = torch.from_numpy(shifted(audio, -back))
            said.append(torch.cat([torch.softmax(net(*both)[0], -1) for both in
                                   zip(moved.split(128), visual.split(128))]))
    net.train()
    said = torch.stack(said)
    evidence = said[..., :-1].amax(-1).sum(2)
    evidence[SHIFTS.index(0)] += STAYS
    mean = (torch.softmax(evidence, 0)[:, :, None, None] * said).sum(0)
    return float((mean.argmax(-1).numpy() == target).mean())


def move_some(audio, share, rng):
    """As the trainer moves sound: by 1..4 segments either way, in that share of the clips."""
    for j in range(len(audio)):
        if rng.random() < share:
            d = int(rng.integers(1, 5)) * (1 if rng.random() < 0.5 else -1)
            audio[j] = shifted(audio[j:j + 1], d)[0]


def train_torch(args, kind, seed, options, path):
    """One run; the epoch is the best of validation, and its weights are kept in path."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    data = read_data(args.data)
    audio, visual, target = (torch.from_numpy(x) for x in data["train"])
    net = make_heads()[kind](audio.shape[-1], visual.shape[-1], args.classes + 1)
    result = {"parameters": sum(p.numel() for p in net.parameters()), "options": options}
    if not os.path.exists(path):
        fit(net, args, data, options, rng, result, path)
    net.load_state_dict(torch.load(path))
    for split in ("val", "test"):
        if len(data[split][2]):
            got = {d: predict(net, data[split], d) for d in SHIFTS}
            result[f"{split} moved"] = {str(d): g[0] for d, g in got.items()}
            result["cpu ms a clip"] = 1000 * min(g[1] for g in got.values())
            if args.align:
                result[f"{split} aligned"] = {str(d): predict_aligned(net, data[split], d)
                                              for d in SHIFTS}
    return result


def fit(net, args, data, options, rng, result, path):
    import torch

    audio, visual, target = (torch.from_numpy(x) for x in data["train"])
    adam = torch.optim.Adam(net.parameters(), options["rate"])
    batch, num, best = options["batch"], len(target), -1.0
    result["curve"] = []
    begun = time.process_time()
    for epoch in range(options["epochs"]):
        order = rng.permutation(num)
        for group in adam.param_groups:  # a tenth in the last quarter
            group["lr"] = options["rate"] * (0.1 if epoch >= options["epochs"] * 3 / 4 else 1)
        for i in range(0, num - num % batch, batch):
            rows = torch.from_numpy(order[i:i + batch])
            heard = audio[rows]
            move_some(heard, options.get("shift", 0), rng)
            logits, alike = net(heard, visual[rows])
            loss = net.loss(logits, alike, target[rows], options.get("plain"))
            adam.zero_grad()
            loss.backward()
            adam.step()
        got = predict(net, data["val"], 0)[0]
        result["curve"].append(round(got, 4))
        if got > best:
            best = got
            torch.save(net.state_dict(), path + ".part")
        if args.verbose:
            print(f"epoch {epoch + 1}  loss {loss.item():.4f}  val {100 * got:.1f} %  "
                  f"{time.process_time() - begun:.1f} s", flush=True)
    result["training cpu s"] = time.process_time() - begun
    os.replace(path + ".part", path)
