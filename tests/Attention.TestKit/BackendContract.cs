using System.Reflection;
using Attention.Backends;

namespace Attention.TestKit;

/// <summary>
/// What every backend must do: each operation of <see cref="IComputeBackend"/> against plain loops in double, over ragged, strided,
/// broadcast and empty tensors. A backend's test class runs <see cref="Run"/> for each of <see cref="Checks"/>.
/// </summary>
/// <remarks>What a backend does not support, it must refuse, with the reason that it gives.</remarks>
public sealed partial class BackendContract
{
    private static readonly Dictionary<string, MethodInfo> s_checks = typeof(BackendContract)
        .GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly)
        .Where(method => method.ReturnType == typeof(void) && method.GetParameters().Length == 0)
        .ToDictionary(method => method.Name);

    private static readonly DeviceLayout[] s_layouts = Enum.GetValues<DeviceLayout>();

    /// <summary>Layouts whose last axis is contiguous.</summary>
    private static readonly DeviceLayout[] s_rowLayouts = [DeviceLayout.Contiguous, DeviceLayout.Gaps];

    private readonly IComputeBackend _backend;
    private readonly IComputeBackend _other;
    private readonly List<PlacedTensor> _placed = [];
    private readonly Random _random = new(1);

    /// <summary>Checks a backend.</summary>
    /// <param name="create">Makes a backend; called twice, for tensors of one must be refused by the other.</param>
    public BackendContract(Func<IComputeBackend> create)
    {
        ArgumentNullException.ThrowIfNull(create);
        _backend = create();
        _other = create();
    }

    /// <summary>The names of the checks.</summary>
    public static IReadOnlyCollection<string> Checks => s_checks.Keys;

    /// <summary>Runs one check; throws if the backend fails it.</summary>
    public void Run(string check)
    {
        try
        {
            s_checks[check].CreateDelegate<Action>(this)();
        }
        finally
        {
            _placed.ForEach(static placed => placed.Dispose());
            _placed.Clear();
        }
    }

    private static void Require(bool condition, string message)
    {
        if (!condition)
        {
            throw new ToleranceException(message);
        }
    }

    private PlainTensor Numbers(params nint[] lengths) =>
        new(AttentionProblems.Normal(_random, PlainTensor.Count(lengths)), lengths);

    private PlacedTensor Place(PlacedTensor placed)
    {
        _placed.Add(placed);
        return placed;
    }

    private DeviceTensor Put(PlainTensor values, DeviceLayout layout = DeviceLayout.Contiguous) =>
        Place(new PlacedTensor(_backend, layout, values)).Tensor;

    /// <summary>A destination full of NaN.</summary>
    private PlacedTensor Poisoned(DeviceLayout layout, params nint[] lengths) => Place(new PlacedTensor(_backend, layout, lengths));

    /// <summary>Runs a computation that overwrites, into NaN.</summary>
    private void CheckOverwrite(
        string name, DeviceLayout layout, nint[] lengths, Action<DeviceTensor> compute, Func<PlainTensor[], PlainTensor> formula,
        params PlainTensor[] inputs)
    {
        PlacedTensor destination = Poisoned(layout, lengths);
        compute(destination.Tensor);
        PlainFormula.Check(name, destination.Take(name), formula, inputs);
    }

    /// <summary>Runs a computation with a beta of 0, into NaN, and with others.</summary>
    private void CheckBetas(
        string name, DeviceLayout layout, nint[] lengths, Action<DeviceTensor, float> compute, Func<PlainTensor[], PlainTensor> formula,
        params PlainTensor[] inputs)
    {
        CheckOverwrite($"{name}, beta 0", layout, lengths, destination => compute(destination, 0), formula, inputs);
        foreach (float beta in new[] { 1f, -0.5f })
        {
            PlainTensor before = Numbers(lengths);
            PlacedTensor destination = Place(new PlacedTensor(_backend, layout, before));
            compute(destination.Tensor, beta);
            PlainFormula.Check(
                $"{name}, beta {beta}", destination.Take(name), all => formula(all[1..]).Add(all[0].Scale(beta)), [before, .. inputs]);
        }
    }
}
