"""Models as their libraries export them: scikit-learn, XGBoost, LightGBM, PyTorch; with what onnxruntime says on random rows.

    pip install -r models/requirements-cases.txt
    python models/exports.py > prover/tests/data/exports.json
    python models/exports.py FIXTURES/onnx/skl2onnx_treecl3/model.onnx > prover/tests/data/treecl3.json

A test of the prover imports each, and compares floats and integers with the outputs kept here. Given a file, only that file is run.
"""

import io
import json
import sys
import warnings

import numpy as np
import onnx
import torch
from cases import Cases
from torch import nn

warnings.filterwarnings("ignore")
c = Cases(13)
rng = c.rng
torch.manual_seed(13)

x = rng.uniform(-2, 2, (300, 6)).astype(np.float32)
value = x[:, 0] * x[:, 1] + np.sin(2 * x[:, 2]) - 0.5 * x[:, 3]
two, three = (value > 0).astype(int), np.digitize(value, [-0.7, 0.7])


def rows(count=6, width=6):
    return rng.uniform(-2, 2, (count, width))


def sklearn():
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.compose import ColumnTransformer
    from sklearn.decomposition import PCA
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
    from sklearn.ensemble import (
        AdaBoostClassifier, BaggingClassifier, BaggingRegressor, ExtraTreesClassifier, IsolationForest, RandomForestClassifier, RandomForestRegressor, StackingRegressor, VotingRegressor,
    )
    from sklearn.feature_selection import SelectKBest
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor, Ridge, RidgeClassifier, SGDClassifier
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline, make_union
    from sklearn.preprocessing import KBinsDiscretizer, MaxAbsScaler, MinMaxScaler, PolynomialFeatures, RobustScaler, StandardScaler
    from sklearn.svm import LinearSVC, OneClassSVM
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType

    texts = np.array(["no", "yes"])[two]
    small = {"hidden_layer_sizes": (5,), "max_iter": 30, "random_state": 1}
    forest = {"n_estimators": 4, "max_depth": 3, "random_state": 1}
    models = {
        "logistic regression of two classes, ZipMap": (LogisticRegression(), two, {}),
        "logistic regression of texts": (LogisticRegression(), texts, {"zipmap": False}),
        "logistic regression of texts, ZipMap": (LogisticRegression(), texts, {}),
        "logistic regression of three classes, ZipMap": (LogisticRegression(), three, {}),
        "standard scaler, logistic regression": (make_pipeline(StandardScaler(), LogisticRegression()), two, {"zipmap": False}),
        "three scalers, imputer, linear regression": (make_pipeline(SimpleImputer(), MaxAbsScaler(), RobustScaler(), MinMaxScaler(), LinearRegression()), value, None),
        "perceptron of two classes": (make_pipeline(StandardScaler(), MLPClassifier(**small)), two, {"zipmap": False}),
        "perceptron of three classes": (MLPClassifier(**small, activation="tanh"), three, {"zipmap": False}),
        "perceptron of texts": (MLPClassifier(**small, activation="logistic"), texts, {"zipmap": False}),
        "perceptron, regression": (MLPRegressor(**small), value, None),
        "random forest, regression": (RandomForestRegressor(**forest), value, None),
        "random forest of two classes, ZipMap": (RandomForestClassifier(**forest), two, {}),
        "random forest of texts": (RandomForestClassifier(**forest), texts, {"zipmap": False}),
        "extra trees of three classes": (ExtraTreesClassifier(**forest), three, {"zipmap": False}),
        "stochastic descent, log loss": (SGDClassifier(loss="log_loss", random_state=1), two, {"zipmap": False}),
        "ridge classifier": (RidgeClassifier(), two, {"zipmap": False}),
    }
    stump, three_deep = DecisionTreeClassifier(max_depth=3, random_state=1), DecisionTreeRegressor(max_depth=3, random_state=1)
    models |= {
        "isolation forest": (IsolationForest(n_estimators=4, max_samples=32, random_state=1), two, None),
        "naive Bayes": (GaussianNB(), two, {"zipmap": False}),
        "principal components, logistic regression": (make_pipeline(PCA(3), LogisticRegression()), two, {"zipmap": False}),
        "polynomial features": (make_pipeline(PolynomialFeatures(2, include_bias=False), LinearRegression()), value, None),
        "bins, logistic regression": (make_pipeline(KBinsDiscretizer(4, encode="ordinal", quantile_method="averaged_inverted_cdf"), LogisticRegression()), two, {}),
        "adaptive boosting": (AdaBoostClassifier(n_estimators=3, random_state=1), two, {}),
        "bagged trees": (BaggingClassifier(n_estimators=3, random_state=1, estimator=stump), two, {}),
        "bagged trees, regression": (BaggingRegressor(n_estimators=3, random_state=1, estimator=three_deep), value, None),
        "voting, regression": (VotingRegressor([("a", LinearRegression()), ("b", three_deep)]), value, None),
        "stacking, regression": (StackingRegressor([("a", LinearRegression()), ("b", three_deep)]), value, None),
        "calibrated support vectors": (CalibratedClassifierCV(LinearSVC(), cv=2), two, {}),
        "linear support vectors": (LinearSVC(), two, {}),
        "linear discriminant of three classes": (LinearDiscriminantAnalysis(), three, {}),
        "quadratic discriminant": (QuadraticDiscriminantAnalysis(), two, {}),
        "one against the rest": (OneVsRestClassifier(LogisticRegression()), three, {}),
        "best features, logistic regression": (make_pipeline(SelectKBest(k=3), LogisticRegression()), two, {"zipmap": False}),
        "union of scalers, ridge": (make_pipeline(make_union(StandardScaler(), MinMaxScaler()), Ridge()), value, None),
        "Poisson regression": (PoissonRegressor(), np.abs(value), None),
        "one class of support vectors": (OneClassSVM(nu=0.1), two, None),
    }
    for name, (model, y, options) in models.items():
        used = 60 if "one class" in name else len(x)
        model.fit(x[:used], y[:used])
        options = None if options is None else {id(model): options}
        c.keep(name, to_onnx(model, x[:1], options=options, target_opset={"": 17, "ai.onnx.ml": 3}), rows())
    columns = ColumnTransformer([("a", StandardScaler(), [0, 2]), ("b", MinMaxScaler(), [1]), ("c", "passthrough", [3, 4, 5])])
    model = make_pipeline(columns, LogisticRegression()).fit(x, two)
    initial = [(f"x{i}", FloatTensorType([None, 1])) for i in range(6)]
    c.keep("columns of their own, logistic regression", to_onnx(model, initial_types=[("x", FloatTensorType([None, 6]))], options={id(model): {"zipmap": False}}, target_opset=17), rows())
    import pandas

    names = [name for name, _ in initial]
    columns = ColumnTransformer([("a", StandardScaler(), ["x0", "x2"]), ("b", MinMaxScaler(), ["x1"]), ("c", "passthrough", ["x3", "x4", "x5"])])
    model = make_pipeline(columns, LogisticRegression()).fit(pandas.DataFrame(x, columns=names), two)
    c.keep("an input a column, logistic regression", to_onnx(model, initial_types=initial, options={id(model): {"zipmap": False}}, target_opset=17), rows())


def boosted():
    from lightgbm import LGBMClassifier, LGBMRegressor
    from onnxmltools import convert_lightgbm, convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType
    from xgboost import XGBClassifier, XGBRegressor, XGBRFRegressor

    types = [("x", FloatTensorType([None, 6]))]
    xgb = {"n_estimators": 5, "max_depth": 3, "random_state": 1}
    for name, model, y in [
        ("XGBoost of two classes", XGBClassifier(**xgb), two),
        ("XGBoost of two classes, base score", XGBClassifier(**xgb, base_score=0.3), two),
        ("XGBoost of three classes", XGBClassifier(**xgb), three),
        ("XGBoost, regression", XGBRegressor(**xgb), value),
        ("XGBoost, counts", XGBRegressor(**xgb, objective="count:poisson"), three),
        ("XGBoost, logistic regression", XGBRegressor(**xgb, objective="reg:logistic"), two),
        ("XGBoost, forest", XGBRFRegressor(**xgb), value),
    ]:
        c.keep(name, convert_xgboost(model.fit(x, y), initial_types=types, target_opset=15), rows())
    lgb = {"n_estimators": 5, "num_leaves": 6, "min_child_samples": 5, "random_state": 1, "verbose": -1}
    bagged = {"boosting_type": "rf", "bagging_freq": 1, "bagging_fraction": 0.7}
    for name, model, y in [
        ("LightGBM of two classes", LGBMClassifier(**lgb), two),
        ("LightGBM of three classes", LGBMClassifier(**lgb), three),
        ("LightGBM, regression", LGBMRegressor(**lgb), value),
        ("LightGBM, forest of two classes", LGBMClassifier(**lgb, **bagged), two),
        ("LightGBM, forest, regression", LGBMRegressor(**lgb, **bagged), value),
    ]:
        for zipmap in [False, True] if "classes" in name else [False]:
            c.keep(name + (", ZipMap" if zipmap else ""), convert_lightgbm(model.fit(x, y), initial_types=types, target_opset=15, zipmap=zipmap), rows())


class Last(nn.Module):
    """A recurrent layer, of whose last state a score is made."""

    def __init__(self, layer):
        super().__init__()
        self.layer, self.head = layer, nn.Linear(layer.hidden_size * (2 if layer.bidirectional else 1), 1)

    def forward(self, x):
        return torch.sigmoid(self.head(self.layer(x)[0][:, -1]))


class Attention(nn.Module):
    """Attention with its weights, a residual and a norm: what older exporters read of `nn.MultiheadAttention`."""

    def __init__(self):
        super().__init__()
        self.attention, self.norm = nn.MultiheadAttention(4, 2, batch_first=True), nn.LayerNorm(4)

    def forward(self, x):
        return self.norm(x + self.attention(x, x, x, need_weights=True)[0]).mean(1)


def pytorch():
    encoder = nn.TransformerEncoderLayer(d_model=8, nhead=2, dim_feedforward=12, dropout=0.1, activation="gelu", batch_first=True)
    convolution = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(27, 2))
    convolution[1].running_mean, convolution[1].running_var = torch.randn(3), torch.rand(3) + 0.5
    models = {
        "MLP": (nn.Sequential(nn.Linear(6, 8), nn.LayerNorm(8), nn.GELU(), nn.Dropout(0.5), nn.Linear(8, 4), nn.SiLU(), nn.Linear(4, 3), nn.Softmax(dim=-1)), [6]),
        "LSTM": (Last(nn.LSTM(3, 4, batch_first=True)), [4, 3]),
        "GRU": (Last(nn.GRU(3, 4, batch_first=True)), [4, 3]),
        "LSTM of two layers, both ways": (Last(nn.LSTM(2, 2, num_layers=2, bidirectional=True, batch_first=True)), [3, 2]),
        "transformer encoder": (encoder, [3, 8]),
        "attention": (Attention(), [3, 4]),
        "convolution and batch norm": (convolution, [1, 6, 6]),
        "convolution 1-D and pools": (nn.Sequential(nn.Conv1d(2, 4, 3, padding=1, groups=2), nn.ELU(), nn.AvgPool1d(2), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(4, 1)), [2, 6]),
    }
    for name, (model, shape) in models.items():
        model.eval()
        for dynamo in [False, True]:
            example = torch.randn(2, *shape)
            if name == "transformer encoder" and not dynamo:
                continue  # the older exporter stops at its fused attention
            if dynamo:
                batch = {0: torch.export.Dim("batch", min=1, max=1024)} if name == "MLP" else None
                example = example if batch else example[:1]
                program = torch.onnx.export(model, (example,), dynamo=True, dynamic_shapes=(batch,) if batch else None, verbose=False, optimize=True)
                exported = program.model_proto
            else:
                buffer = io.BytesIO()
                axes = {"x": {0: "batch"}, "y": {0: "batch"}}
                torch.onnx.export(model, (example if name == "MLP" else example[:1],), buffer, dynamo=False, input_names=["x"], output_names=["y"], dynamic_axes=axes if name == "MLP" else None, opset_version=17)
                exported = onnx.load_from_string(buffer.getvalue())
            for node in exported.graph.node:
                del node.metadata_props[:]
                node.doc_string = ""
            del exported.graph.value_info[:], exported.metadata_props[:]
            c.keep(f"PyTorch {name}, {'exported program' if dynamo else 'traced'}", exported, rows(3, int(np.prod(shape))))


if len(sys.argv) > 1:
    # the file itself is a fixture, and stays where it is
    c.keep("a file", onnx.load(sys.argv[1]), rows(8, 10))
    json.dump({key: c.cases[0][key] for key in ("rows", "expected")}, sys.stdout)
else:
    sklearn()
    boosted()
    pytorch()
    c.write()
